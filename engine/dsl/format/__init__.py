"""The one style of project files: text in, the same meaning laid out afresh.

How it works: libyaml's tokens with the comments between them (`tokens`) become a tree (`tree`, `parse`), keys are put in their
documented order (`order`), and the tree is printed (`render`, `scalars`). `rewrite` puts it together and proves each result: values,
comments, anchors and aliases are compared with the original's before anything is handed out.

Why no round-trip library: ruamel.yaml (0.19, MIT) was tried. It reads `+79161234567` as a number and prints `79161234567`, drops the
comments inside of flow collections, folds plain scalars anew and requotes them, turns `"\\u00e9"` into the letter, `~` into nothing
and `{b}` into `{b: null}`. Its scanner is not libyaml's either, and that is what the loader reads with. Tokens keep every scalar's
source text, since nothing is ever printed from a value.
"""
