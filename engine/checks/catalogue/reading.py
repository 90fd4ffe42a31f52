"""SND0xx and SND1xx: files that cannot be read, and documents that are not of the shape their kind has."""

from __future__ import annotations

from engine.checks.catalogue.entry import Entry

READING = (
    Entry(
        code="SND001",
        title="the file is not valid YAML",
        explanation=(
            "Nothing in a file is used unless all of it can be read. Often a value needs quotes: one that begins with `{{`, `*`, "
            "`&`, `%`, `@` or a backtick, or that holds `: `."
        ),
        fails="template: thanks\ntext: {{ contact.name }}\n",
        passes='template: thanks\ntext: "{{ contact.name }}"\n',
    ),
    Entry(
        code="SND002",
        title="a key stands twice in one map",
        explanation="YAML readers differ in which of two equal keys they take, so neither is taken.",
        fails="audience: vips\nof: contact\nof: deal\n",
        passes="audience: vips\nof: contact\n",
    ),
    Entry(
        code="SND003",
        title="the file is beyond a limit",
        explanation="A file has at most 1 MiB, 64 levels of nesting and 10,000 nodes repeated by aliases. Split a file that is larger.",
        fails="audience: " + "[" * 65 + "]" * 65 + "\n",
        passes="audience: vips\nof: contact\n",
    ),
    Entry(
        code="SND004",
        title="the file is not UTF-8",
        explanation="Every file is UTF-8, with or without a byte order mark. In another encoding its letters would be guessed.",
        fails="template: thanks\ntext: Merci, à bientôt\n",
        passes="template: thanks\ntext: Merci, à bientôt\n",
        encoding="latin-1",
    ),
    Entry(
        code="SND005",
        title="a tag or a merge key",
        explanation=(
            "Tags (`!!str`, `!custom`) and merge keys (`<<`) change what a file says in ways that YAML 1.2 leaves open. The key "
            "alone decides what a value is."
        ),
        fails="template: thanks\ntext: !!str 5\n",
        passes="template: thanks\ntext: 5\n",
    ),
    Entry(
        code="SND101",
        title="an unknown key",
        explanation="A key that nothing reads is nearly always a misspelt one, so it is refused and the nearest known key is named.",
        fails="audience: vips\nof: contact\nwere: contact.tier == 'vip'\n",
        passes="audience: vips\nof: contact\nwhere: contact.tier == 'vip'\n",
    ),
    Entry(
        code="SND102",
        title="a key is missing",
        explanation=(
            "Some keys have no sensible default: a survey needs its metric and questions, an automation `when` and `then`, a "
            "connection what its system wants."
        ),
        fails="audience: vips\nwhere: contact.tier == 'vip'\n",
        passes="audience: vips\nof: contact\nwhere: contact.tier == 'vip'\n",
    ),
    Entry(
        code="SND103",
        title="a value of the wrong shape",
        explanation="Each key takes one kind of value: a list, a map, true or false, a duration, one of a few words.",
        fails="survey: visit\nmetric: npss\nquestions:\n  score: {type: nps, ask: Would you recommend us?}\n",
        passes="survey: visit\nmetric: nps\nquestions:\n  score: {type: nps, ask: Would you recommend us?}\n",
    ),
    Entry(
        code="SND104",
        title="the same thing declared twice",
        explanation=(
            "An address names one definition, whatever file it stands in, a project is declared once, a question is on one page, and a "
            "connection or an option is in a list once."
        ),
        fails="audience: buyers\nof: contact\n",
        passes="audience: loyal_buyers\nof: contact\n",
    ),
    Entry(
        code="SND105",
        title="no kind of document",
        explanation=(
            "The first key of a document is its kind: project, survey, audience, cadence, automation, template, report, scenario or "
            "blueprint. Its value is the name."
        ),
        fails="audiense: vips\nof: contact\n",
        passes="audience: vips\nof: contact\n",
    ),
    Entry(
        code="SND106",
        title="a name that cannot be used",
        explanation=(
            "Names are a-z, 0-9 and _, with a letter first. Objects of the data contract, functions and keywords cannot be question "
            "names: an expression could not tell them apart."
        ),
        fails="survey: visit\nmetric: none\nquestions:\n  contact: {type: text, ask: How can we reach you?}\n",
        passes="survey: visit\nmetric: none\nquestions:\n  reach_at: {type: text, ask: How can we reach you?}\n",
    ),
    Entry(
        code="SND107",
        title="no field type",
        explanation=(
            "A field of the data contract is text, integer, number, boolean, date, datetime, money, email, phone, language, country "
            "or timezone, `[a, b]`, `list of T` or `optional T`. Some fields of `contact` have a fixed meaning and so a fixed type."
        ),
        fails="project: shop\nobjects:\n  contact: {name: texst}\n",
        passes="project: shop\nobjects:\n  contact: {name: text}\n",
    ),
    Entry(
        code="SND108",
        title="keys that do not go together",
        explanation=(
            "A step does one thing, so that it can be delivered, retried and explained by itself. Write a second step for the second. "
            "Likewise a cadence begins with one of `when`, `every` and `cron`, and an incentive is one of `pool`, `draw` and `offer`."
        ),
        fails="automation: rescue\nwhen: survey.nps_delivery.answered\nthen:\n"
        '  - ticket: {title: "{{ score }}"}\n    update: {contact: {last_nps: "{{ score }}"}}\n',
        passes="automation: rescue\nwhen: survey.nps_delivery.answered\nthen:\n"
        '  - ticket: {title: "{{ score }}"}\n  - update: {contact: {last_nps: "{{ score }}"}}\n',
    ),
    Entry(
        code="SND109",
        title="a hole without an input",
        explanation="A blueprint's `$name` is filled in from its inputs. One that no input has would stay a hole for ever.",
        fails="blueprint: thank\ninputs: {survey: survey}\nautomation:\n  when: survey.$survey.answered\n  if: score >= $least\n"
        '  then: [{update: {contact: {last_nps: "{{ score }}"}}}]\n',
        passes="blueprint: thank\ninputs: {survey: survey, least: integer}\nautomation:\n  when: survey.$survey.answered\n"
        '  if: score >= $least\n  then: [{update: {contact: {last_nps: "{{ score }}"}}}]\n',
    ),
)
