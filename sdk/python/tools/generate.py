#!/usr/bin/env python3
"""Writes what is derived: types from openapi.yaml and events.schema.json, the blocking client from the other one.

`tools/generate.py` writes the files, `tools/generate.py --check` fails if they are not what they should be. The schemas
that the two documents share have the same name in both; the one of openapi.yaml is taken.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
PACKAGE = HERE / "src" / "sluicegate"
Schema = dict[str, Any]


# The arguments of the client's methods: bodies by name (the schema, if it has another one, and what is left out of it),
# and the queries of operations.
BODIES: dict[str, tuple[str, set[str]]] = {
    "CreateExecution": ("", set()),
    "Respond": ("", set()),
    "Answer": ("Respond", {"suspensionId", "nodeId"}),
    "Approve": ("", set()),
    "ReplayExecution": ("", {"dryRun"}),
    "BulkSelection": ("", set()),
    "BulkReplay": ("", set()),
    "PublishEvent": ("", set()),
    "CreateSchedule": ("", set()),
    "UpdateSchedule": ("", set()),
    "CreateWebhook": ("", set()),
    "UpdateWebhook": ("", set()),
    "RotateSecret": ("", set()),
    "CreateWorkflow": ("", set()),
    "UpdateWorkflow": ("", set()),
    "DuplicateWorkflow": ("", set()),
    "Reassign": ("", set()),
}
QUERIES = {
    "list_executions": "ExecutionsQuery",
    "list_execution_logs": "LogsQuery",
    "list_suspensions": "SuspensionsQuery",
    "list_workflows": "WorkflowsQuery",
}


def load() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """All schemas by name, and all operations by id."""
    events = json.loads((ROOT / "sdk" / "events.schema.json").read_text("utf-8"))["$defs"]
    # The C loader, where there is one, takes a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load((ROOT / "openapi.yaml").read_text("utf-8"), loader)
    # The schemas of other faces begin with their names; this client speaks the native one.
    native = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if not name.startswith(("Kinetic", "Kodexa"))
    }
    schemas: dict[str, Schema] = {**events, **native}
    for schema in list(schemas.values()):
        tag_alternatives(schemas, schema)
    operations: dict[str, Schema] = {
        operation["operationId"]: operation
        for path, item in document["paths"].items()
        if not path.startswith(("/kinetic/", "/kodexa/"))
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    return schemas, operations


def ref_of(schema: Schema) -> str | None:
    return schema["$ref"].rsplit("/", 1)[-1] if "$ref" in schema else None


def tag_alternatives(schemas: dict[str, Schema], union: Schema) -> None:
    """`oneOf` of `allOf[$ref X, {type: "x"}]` is how the documents write a tagged union: the tag moves into X, so do
    the members that all alternatives have in common. Each X is an alternative of one union only."""
    for alternative in union.get("oneOf", []):
        parts = alternative.get("allOf", [])
        name = ref_of(parts[0]) if parts else None
        if name is None:
            continue
        target = schemas[name]
        for part in [*parts[1:], union]:
            target["properties"] = {**part.get("properties", {}), **target["properties"]}
            target["required"] = [*part.get("required", []), *target.get("required", [])]


def resolve(schemas: dict[str, Schema], schema: Schema) -> tuple[dict[str, Schema], set[str]]:
    """The members of an object, with those of all its parts, and which of them are always there."""
    if name := ref_of(schema):
        return resolve(schemas, schemas[name])
    properties: dict[str, Schema] = {}
    required: set[str] = set()
    for part in schema.get("allOf", []):
        more, needed = resolve(schemas, part)
        properties |= more
        required |= needed
    properties |= schema.get("properties", {})
    return properties, required | set(schema.get("required", []))


def annotation(schema: Schema) -> str:
    """The type of a value."""
    if name := ref_of(schema):
        return name
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return annotation(schema["allOf"][0])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return union(annotation(one) for one in schema[choice])
    kinds: str | list[str] | None = schema.get("type")
    if isinstance(kinds, list):
        return union(annotation({**schema, "type": kind}) for kind in kinds)
    match kinds:
        case "null":
            return "None"
        case "string":
            return "str"
        case "integer":
            return "int"
        case "number":
            return "float"
        case "boolean":
            return "bool"
        case "array":
            return f"list[{annotation(schema.get('items', {}))}]"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"dict[str, {annotation(schema['additionalProperties'])}]"
        case "object":
            return "dict[str, Any]"
        case _:
            return "Any"


def union(parts: Any) -> str:
    seen = list(dict.fromkeys(parts))
    if "Any" in seen:
        return "Any"
    if "None" in seen:
        seen = [*(part for part in seen if part != "None"), "None"]
    literals = [part[8:-1] for part in seen if part.startswith("Literal[")]
    if len(literals) > 1:
        seen = [f"Literal[{', '.join(literals)}]", *(part for part in seen if not part.startswith("Literal["))]
    return seen[0] if len(seen) == 1 else f"Union[{', '.join(seen)}]"


def is_object(schema: Schema) -> bool:
    return "allOf" in schema or (schema.get("type") == "object" and "properties" in schema)


def doc(text: str | None, indent: str) -> list[str]:
    """A docstring, or none."""
    if not text:
        return []
    # Links of the server's documentation lead nowhere here.
    text = re.sub(r"\[(`\w+`)\]", r"\1", text)
    lines = textwrap.wrap(" ".join(text.split()).replace("\\", "\\\\"), 110 - len(indent))
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(indent + line for line in lines[1:]), f'{indent}"""']


def described(schema: Schema) -> str | None:
    if schema.get("description"):
        return schema["description"]
    return next((one["description"] for one in schema.get("oneOf", []) if one.get("description")), None)


def object_type(schemas: dict[str, Schema], name: str, schema: Schema) -> list[str]:
    properties, required = resolve(schemas, schema)
    always = {key: value for key, value in properties.items() if key in required}
    sometimes = {key: value for key, value in properties.items() if key not in required}
    if any(keyword.iskeyword(key) for key in properties):
        # A member such as `from` can't be written as a class.
        assert not sometimes, f"{name} has a member that is a keyword and optional members"
        members = ", ".join(f'"{key}": {json.dumps(annotation(value))}' for key, value in always.items())
        return [f'{name} = TypedDict("{name}", {{{members}}})', *doc(described(schema), "")]

    def listed(group: dict[str, Schema]) -> list[str]:
        lines: list[str] = []
        for key, value in sorted(group.items()):
            lines += [f"    {key}: {annotation(value)}", *doc(described(value), "    ")]
        return lines

    if not sometimes or not always:
        total = ", total=False" if sometimes or not always else ""
        body = listed(always or sometimes)
        return [f"class {name}(TypedDict{total}):", *(doc(described(schema), "    ") or ["    pass"]), *body]
    # `NotRequired` is not in `typing` of Python 3.10.
    return [
        f"class _{name}(TypedDict):",
        *listed(always),
        "",
        "",
        f"class {name}(_{name}, total=False):",
        *doc(described(schema), "    "),
        *listed(sometimes),
    ]


def types(schemas: dict[str, Schema]) -> str:
    """`types.py`: what the server sends, and what is inside of what it is sent."""
    objects: list[str] = []
    aliases: list[str] = []
    for name, schema in sorted(schemas.items()):
        if is_object(schema):
            objects += ["", "", *object_type(schemas, name, schema)]
            continue
        if schema.get("type") == "object":
            text = "dict[str, Any]"
        else:
            choices = [
                ref_of(one["allOf"][0]) if "allOf" in one else annotation(one) for one in schema.get("oneOf", [])
            ]
            text = union(choices) if choices else annotation(schema)
        # Names are quoted: an alias may stand before what it names.
        text = re.sub(r"(?<![\w\"])(?!Union\b|Literal\b|None\b|Any\b)([A-Z]\w+)(?![\w\"])", r'"\1"', text)
        aliases += [f"{name}: TypeAlias = {text}", *doc(described(schema), "")]
    return "\n".join([TYPES_HEAD, *aliases, STREAM_EVENTS, *objects, ""])


def options(schemas: dict[str, Schema], operations: dict[str, Schema]) -> str:
    """`options.py`: what the methods take by name."""
    parts: list[str] = []
    for name, (source, left_out) in BODIES.items():
        schema = schemas[source or name]
        properties = {key: value for key, value in schema["properties"].items() if key not in left_out}
        parts += ["", "", *object_type(schemas, name, with_python_names({**schema, "properties": properties}))]
    for operation, name in QUERIES.items():
        parameters = [one for one in operations[operation]["parameters"] if one["in"] == "query"]
        properties = {one["name"]: {**one["schema"], "description": one.get("description")} for one in parameters}
        schema = {"type": "object", "description": operations[operation]["summary"], "properties": properties}
        parts += ["", "", *object_type(schemas, name, with_python_names(schema, keyed=False))]
    text = "\n".join(parts)
    names = set(re.findall(r"\b[A-Z]\w+", re.sub(r'"""(.|\n)*?"""', "", text)))
    used = sorted((names & set(schemas)) - set(BODIES) - {"Instant"})
    head = OPTIONS_HEAD.replace("$TYPES", ", ".join(used))
    return head + text.replace("Instant", "datetime | str") + "\n"


def with_python_names(schema: Schema, *, keyed: bool = True) -> Schema:
    """The same object with arguments' names; all that change something take an idempotency key."""

    def name(key: str) -> str:
        return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()

    properties = {name(key): value for key, value in schema["properties"].items()}
    if keyed:
        text = "The same key with the same request is done once; a new key for each call, if missing."
        properties["idempotency_key"] = {"type": "string", "description": text}
    return {**schema, "properties": properties, "required": [name(key) for key in schema.get("required", [])]}


def blocking(source: str) -> str:
    """A module of the asynchronous client without `async` and `await`."""
    text = (PACKAGE / f"async_{source}").read_text("utf-8")
    for pattern, replacement in [
        (r"AsyncGenerator\[(.*?), None\]", r"Generator[\1, None, None]"),
        (r"\basync (def|with|for)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\bAsync(?=[A-Z])", ""),
        (r"\basync_(?=[a-z])", ""),
        (r"\b__a(enter|exit)__\b", r"__\1__"),
        (r"\baclose\b", "close"),
        (r"(?m)^.*# only async\n", ""),
    ]:
        text = re.sub(pattern, replacement, text)
    return f"# Written by tools/generate.py from async_{source}; not to be edited.\n{text}"


def formatted(text: str) -> str:
    """As the formatter of this project writes it."""
    command = [sys.executable, "-m", "ruff", "--config", str(HERE / "pyproject.toml")]
    for step in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        arguments = [*command, *step, "--stdin-filename", str(PACKAGE / "generated.py"), "-"]
        text = subprocess.run(arguments, input=text, capture_output=True, check=True, text=True).stdout
    return text


TYPES_HEAD = '''"""The shapes of the API and of the streams. Written by `tools/generate.py`; not to be edited.

Dictionaries as the server sends them: nothing is renamed or converted. Programs must be prepared for members and values
that are not listed here; a newer server may send them.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict, Union
'''

STREAM_EVENTS = '''StreamEvent: TypeAlias = Union["Event", "StreamGap", "StreamSnapshot"]
"""What the stream of an execution gives. A gap (events that are no longer stored) is followed by a snapshot."""
FeedStreamEvent: TypeAlias = Union["FeedEvent", "StreamGap", "StreamSnapshot"]
"""What the stream of a pod or of the inbox gives."""'''

OPTIONS_HEAD = '''"""What methods take by name. Written by `tools/generate.py`; not to be edited.

The names are those of the API in snake_case. What is inside of a value (a definition, an input) is as in the API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict, Union

from .types import $TYPES
'''


def main() -> int:
    schemas, operations = load()
    wanted = {PACKAGE / "types.py": types(schemas), PACKAGE / "options.py": options(schemas, operations)}
    wanted |= {PACKAGE / name: blocking(name) for name in ("client.py", "resources.py")}
    wanted = {path: formatted(text) for path, text in wanted.items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what it should be: run {Path(__file__).relative_to(ROOT)}")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
