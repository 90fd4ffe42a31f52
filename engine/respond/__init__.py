"""A survey session without HTTP: what a respondent posted becomes an answer. Web pages, chats, imports and the lab share it."""
