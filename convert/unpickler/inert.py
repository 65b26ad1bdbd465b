"""Objects that a pickle may hold and call, and that do nothing.

The C unpickler does what the opcodes say: it looks up globals, calls what is
on its stack, and stores states.  It can only call what find_class() and
persistent_load() handed out, so everything rests on these two never handing
out anything that acts.  They give:

  tokens      for the few known names (see table.py): objects that take part
              in the load, check their arguments by exact type and return
              records;
  stub types  for every other global, one type per name: their instances
              remember arguments, states and items, and do nothing.

No module is imported by name, no attribute of a real object is looked up, and
the real OrderedDict, set or bytearray never reaches a pickle's stack by name.

What the unpickler's opcodes may do to an object it was given, and why that is
harmless here:

  REDUCE, OBJ, INST   call it: tokens and stub types only
  NEWOBJ, NEWOBJ_EX   call its type's __new__: stub types only
  BUILD               call its __setstate__: every class here has one, so
                      BUILD never falls back to __dict__ or setattr()
  APPEND(S), SETITEM(S), ADDITEMS
                      call extend/append, __setitem__ or add: stubs record
"""

import sys

# _pickle reads three modules when it is first imported.  These stand in for
# them: an extension registry that is empty and that nobody can fill (EXT
# opcodes would otherwise reach objects past find_class), name tables that
# our find_class does not use, and no time spent reading files at start-up.
_Module = type(sys)


def _stand_in(name, **attributes):
    module = _Module(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


def _no_partial(*args, **kwargs):
    raise TypeError("partial objects are not made here")


_stand_in("copyreg", dispatch_table={}, _extension_registry={},
          _inverted_registry={}, _extension_cache={})
_stand_in("_compat_pickle", NAME_MAPPING={}, IMPORT_MAPPING={},
          REVERSE_NAME_MAPPING={}, REVERSE_IMPORT_MAPPING={})
_stand_in("functools", partial=_no_partial)

import _pickle

# Verdicts: enum unpickler_verdict in protocol.h.
INDEX, CORRUPT, UNSUPPORTED, NOT_A_POLICY, LIMIT, MEMORY = range(6)

MAX_GLOBAL_LENGTH = 1000    # characters of module and name together
MAX_KEPT_STUB_TYPES = 1000
STUB_TYPE_COST = 200        # see Budget
NUMBER_LIMIT = 1 << 63      # torch counts in int64


class Refused(Exception):
    """The answer is no: verdict, reason, and the key it is about."""

    def __init__(self, verdict, reason, where=""):
        self.verdict = verdict
        self.reason = reason
        self.where = where


class Budget:
    """What the calls of one pickle may still copy, in items or bytes.

    An honest pickle names each thing once, so that its calls copy no more
    than its own length.  Another makes a thousand dicts of one large list.
    """

    __slots__ = ("left",)
    SPARE = 1_000_000

    def start(self, nbytes):
        """For a pickle of that many bytes."""
        self.left = self.SPARE + nbytes

    def spend(self, count):
        self.left -= count
        if self.left < 0:
            raise Refused(LIMIT, "makes too many copies of its contents")


copies = Budget()


def refuse_state(*ignored):
    raise _pickle.UnpicklingError("state set on an object that has none")


set_slot = object.__setattr__


class Closed(type):
    """Metaclass of every type a pickle can hold: its types do not change."""

    __slots__ = ()
    shown = "class"         # in messages

    def __setattr__(cls, name, value):
        raise _pickle.UnpicklingError("attribute set on a class")

    __delattr__ = __setattr__


class Token(metaclass=Closed):
    """A known name.  Nothing can be stored in it."""

    __slots__ = ()
    shown = "function"
    __setattr__ = __delattr__ = __setstate__ = refuse_state


class Record:
    """What a stub was given; out of the pickle's reach."""

    __slots__ = "args", "kwargs", "states", "members", "pairs", "attributes"

    def __init__(self, args, kwargs):
        self.args = args
        self.kwargs = kwargs
        self.states = ()        # one for each BUILD
        self.members = ()       # APPEND, APPENDS, ADDITEMS
        self.pairs = ()         # SETITEM, SETITEMS
        self.attributes = None  # see instance_attributes()


class Stub(metaclass=Closed):
    """An instance of any class but the known ones.

    Every global gets its own subclass, with the name in 'origin'.
    """

    __slots__ = ("record",)
    __setattr__ = __delattr__ = refuse_state
    origin = "", ""

    def __new__(cls, *args, **kwargs):
        if args or kwargs:
            copies.spend(len(args) + len(kwargs))
        stub = object.__new__(cls)
        set_slot(stub, "record", Record(args, kwargs or None))
        return stub

    def __setstate__(self, state):
        record = self.record
        if not record.states:
            record.states = []
        record.states.append(state)

    def extend(self, members):
        record = self.record
        if not record.members:
            record.members = []
        record.members.extend(members)

    def append(self, member):
        self.extend((member,))

    add = append

    def __setitem__(self, key, value):
        record = self.record
        if not record.pairs:
            record.pairs = []
        record.pairs.append((key, value))

    def __call__(self, *args, **kwargs):
        return Stub(*args, **kwargs)


class DictStub(dict, metaclass=Closed):
    """OrderedDict, Counter, defaultdict: a dict whose state is set aside."""

    __slots__ = ("state",)
    shown = "dict"
    __setattr__ = __delattr__ = refuse_state

    def __init__(self, *args):
        for arg in args:
            if type(arg) is dict or type(arg) is DictStub:
                copies.spend(len(arg))
                dict.update(self, arg)
            elif type(arg) is list or type(arg) is tuple:
                copies.spend(len(arg))
                for key, value in map(_pair, arg):
                    dict.__setitem__(self, key, value)
            elif not (arg is None or isinstance(arg, (Closed, Token, Stub))):
                # Those were default factories; this is no known form.
                raise TypeError(f"dict made from {type(arg).__name__}")

    def __setstate__(self, state):
        set_slot(self, "state", state)


def _pair(value):
    if type(value) not in (tuple, list) or len(value) != 2:
        raise TypeError("dict made from a list of something else than pairs")
    return value


class SetStub(metaclass=Closed):
    """A set or frozenset, its members in the order of the pickle, unhashed."""

    __slots__ = ("members",)
    shown = "set"
    __setattr__ = __delattr__ = __setstate__ = refuse_state

    def __init__(self, members):
        set_slot(self, "members", members)

    def add(self, member):
        self.members.append(member)


# What the stub types of these functions' results are called in messages.
NUMPY_FUNCTIONS = {
    "_reconstruct": "numpy ndarray", "_frombuffer": "numpy ndarray",
    "scalar": "numpy scalar",
}


def global_name(value):
    """'module name' of a stub or stub type, else what its type is called."""
    if isinstance(value, Stub) or is_stub_type(value):
        module, name = value.origin
        if module.startswith("numpy.") and name in NUMPY_FUNCTIONS:
            return NUMPY_FUNCTIONS[name]
        return f"{module} {name}".strip() or "result of a call"
    return getattr(type(value), "shown", None) or type(value).__name__


def is_stub_type(value):
    return type(value) is Closed and issubclass(value, Stub)


def short(number):
    """A number of the pickle's for a message: it may have 10^6 digits."""
    if type(number) is int and number.bit_length() > 100:
        return f"a number of {number.bit_length()} bits"
    return str(number) if type(number) is int else global_name(number)


# Stub types are kept from one pickle to the next: they hold nothing but their
# name, and a policy's classes are the same in each checkpoint of a run.
_stub_types = {}


def start(nbytes):
    """Before each request, with the length of its pickles."""
    if len(_stub_types) > MAX_KEPT_STUB_TYPES:
        _stub_types.clear()
    copies.start(nbytes)


def check_global(module, name):
    if len(module) + len(name) > MAX_GLOBAL_LENGTH:
        raise Refused(LIMIT, f"names a global of {len(module) + len(name)} "
                      f"characters, limit {MAX_GLOBAL_LENGTH}")


def stub_type(origin):
    cls = _stub_types.get(origin)
    if cls is None:
        cls = Closed("Stub", (Stub,), {"__slots__": (), "origin": origin})
        _stub_types[origin] = cls
    return cls
