"""Turn a policy's pickled config into its architecture text.

The text is what the framework prints for the config object:

  module.QualName(field=value, field=value)

every field in it, defaults too, by name; values as Python's repr shows them
after pydantic's JSON-mode dump: tuples and sets as lists, enums as their
values, nested models and dataclasses as dicts, dict keys sorted at every
depth.  The top class_path is dropped.  The models in 'components' and
'action_probs_config' say their class under 'class_path'; no others do.
"""

import sys

from inert import DictStub, SetStub, Stub, global_name
from state_dict import instance_attributes, is_dict, module_attributes

MAX_DEPTH = 100
MAX_LENGTH = 1 << 20
MAX_INT_BITS = 10_000       # Python prints no more than 4300 digits

SCALARS = bool, int, float, str, bytes

# A class called with one value is an enum or a subclass of str, int, ...,
# unless it comes from here.
OTHER_PACKAGES = sys.stdlib_module_names | {"torch", "numpy", "__builtin__"}


class NoText(Exception):
    """The config cannot be written as text; says where and why."""


def of_module(top):
    """Returns (text, None), (None, note), or (None, None) without config."""
    config = find_config(top)
    if config is None:
        return None, None
    try:
        return Printer().text(config), None
    except NoText as reason:
        return None, f"no architecture text from the pickled config: {reason}"


def find_config(module):
    """The config of a module, or of the one that a wrapper holds."""
    for _ in range(8):
        found = module_attributes(module)
        if found is None:
            return None
        if found.get("config") is not None:
            return found["config"]
        children = list(dict.items(found["_modules"]))
        if len(children) != 1 or children[0][0] not in ("module", "_orig_mod"):
            return None
        module = children[0][1]
    return None


def model_fields(value):
    """The fields of a pickled pydantic model, or None."""
    state = instance_attributes(value)
    if state is None or "__pydantic_fields_set__" not in state:
        return None
    fields = dict.get(state, "__dict__")
    if not is_dict(fields):
        return None
    extra = dict.get(state, "__pydantic_extra__")
    if is_dict(extra):
        fields = dict(fields)
        dict.update(fields, extra)
    return fields


def class_path(value):
    return ".".join(value.origin)


class Printer:
    def __init__(self):
        self.length_left = MAX_LENGTH
        self.open = set()       # ids of what is being printed

    def text(self, config):
        fields = model_fields(config)
        if fields is None:
            raise NoText(f"it is a {global_name(config)}, not a model")
        plain = {}
        for name, value in dict.items(fields):
            if type(name) is not str:
                raise NoText("field name that is no string")
            if name != "class_path":
                plain[name] = self.field(name, value)
        name = class_path(config)
        if plain:
            name += "(" + ", ".join(
                f"{key}={plain[key]!r}" for key in sorted(plain)) + ")"
        if len(name) > MAX_LENGTH:
            raise NoText(f"{len(name)} characters, limit {MAX_LENGTH}")
        return name

    def field(self, name, value):
        if name == "components":
            if type(value) not in (list, tuple):
                raise NoText("components is no list")
            return [self.component(f"components[{i}]", item)
                    for i, item in enumerate(value)]
        if name == "action_probs_config" and value is not None:
            return self.component(name, value)
        return self.plain(name, value, 1)

    def component(self, where, value):
        plain = self.plain(where, value, 2)
        if model_fields(value) is not None:
            plain["class_path"] = class_path(value)
            plain = {key: plain[key] for key in sorted(plain)}
        return plain

    def plain(self, where, value, depth):
        """The value as exact int, float, bool, None, str, list or dict."""
        self.spend(where, 3)    # "1, "
        if depth > MAX_DEPTH:
            raise NoText(f"{where}: over {MAX_DEPTH} levels")
        if value is None or type(value) in SCALARS:
            return self.scalar(where, value)
        if id(value) in self.open:
            raise NoText(f"{where}: contains itself")
        self.open.add(id(value))
        kind = type(value)
        if kind is SetStub:
            result = self.sequence(where, value.members, depth)
        elif kind in (list, tuple):
            result = self.sequence(where, value, depth)
        elif kind in (set, frozenset):
            result = self.sequence(where, stable_order(where, value), depth)
        elif kind in (dict, DictStub):
            result = self.mapping(where, value, depth)
        elif isinstance(value, Stub):
            result = self.stub(where, value, depth)
        else:
            raise NoText(f"{where}: no literal for {global_name(value)}")
        self.open.remove(id(value))
        return result

    def scalar(self, where, value):
        kind = type(value)
        if kind is str or kind is bytes:
            self.spend(where, len(value))
        elif kind is int:
            if value.bit_length() > MAX_INT_BITS:
                raise NoText(f"{where}: a number of {value.bit_length()} bits")
            self.spend(where, value.bit_length() // 3)
        elif kind is float and value - value != 0:
            raise NoText(f"{where}: no literal for {value!r}")
        if kind is bytes:
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise NoText(f"{where}: bytes that are no UTF-8") from None
        return value

    def spend(self, where, length):
        """Before it is printed: one string can stand in a million places."""
        self.length_left -= length
        if self.length_left < 0:
            raise NoText(f"{where}: the text exceeds {MAX_LENGTH} characters")

    def sequence(self, where, values, depth):
        return [self.plain(where, value, depth + 1) for value in values]

    def mapping(self, where, value, depth):
        plain = {}
        for key, item in dict.items(value):
            key = self.key(where, key, depth)
            self.spend(where, len(key))
            plain[key] = self.plain(f"{where}.{key}"[:200], item, depth + 1)
        return {key: plain[key] for key in sorted(plain)}

    def key(self, where, key, depth):
        """JSON mode makes every dict key a string."""
        if isinstance(key, Stub):
            key = self.plain(where, key, depth + 1)
        if type(key) is str:
            return key
        if type(key) is bool:
            return "true" if key else "false"
        if type(key) is int or key is None:
            return str(self.scalar(where, key))
        raise NoText(f"{where}: dict key of type {global_name(key)}")

    def stub(self, where, value, depth):
        fields = model_fields(value)
        if fields is not None:
            return self.mapping(where, fields, depth)
        record = value.record
        package = value.origin[0].partition(".")[0]
        if (package and package not in OTHER_PACKAGES and record.kwargs is None
                and not record.members and not record.pairs):
            fields = instance_attributes(value)
            if fields is not None and not record.args:
                return self.mapping(where, fields, depth)   # a dataclass
            if fields is None and len(record.args) == 1:
                return self.plain(where, record.args[0], depth + 1)
        raise NoText(f"{where}: no literal for {global_name(value)}")


def stable_order(where, values):
    """Sets of strings have no order of their own; numbers keep theirs."""
    if all(type(value) is str for value in values):
        return sorted(values)
    if all(type(value) in (int, float, bool) for value in values):
        return list(values)
    raise NoText(f"{where}: set of mixed values")
