"""Find the policy in an unpickled object.

It is the object itself, or lies among other things: in the dict of a training
loop beside its optimizer, or in an attribute of a record.  It is taken where
nothing else can be meant; otherwise the user has to say which it is.
"""

from inert import NOT_A_POLICY, UNSUPPORTED, Refused, Stub, global_name
from state_dict import (instance_attributes, is_dict, module_attributes,
                        plain_tensor)
from tensors import Tensor

# Where training code keeps a state dict among other things.
WRAPPER_KEYS = ("model_state_dict", "state_dict", "model", "model_state",
                "weights")
OPTIMIZER_KEYS = "optimizer", "optimizer_state_dict"
# The state of everything else in training; nothing in there is a policy.
NOT_SEARCHED = OPTIMIZER_KEYS + (
    "optimizer_states", "optimizers", "scheduler", "lr_scheduler",
    "lr_schedulers", "scaler", "grad_scaler", "stopwatch_state",
    "curriculum_state", "loss_states", "rng_state", "callbacks", "loops")

MAX_DEPTH = 4               # keys from the top to a policy
MAX_KEY_LENGTH = 200        # of those; so that paths stay short
MAX_PATH_KEYS = 16
MAX_NAMED = 10              # candidates in a message

NUMPY_ARRAY = "numpy ndarray"


class Found:
    """A policy, by the path that leads to it from the top."""

    __slots__ = "path", "value", "kind", "usual"

    def __init__(self, path, value, kind, usual):
        self.path = path
        self.value = value
        self.kind = kind        # "module" or "state dict"
        self.usual = usual      # lies where policies usually lie

    def take_usual_path(self, path):
        """The same policy lies at another path too, which is a usual one."""
        if not self.usual:
            self.path = path
            self.usual = True


CHOOSE = "; --state-dict-key says which to take"


def is_record(value):
    """The framework pickled policies inside objects of this class, of which
    several modules were the home over time."""
    return isinstance(value, Stub) and value.origin[1] == "PolicyRecord"


def parts(value):
    """What a dict or an object holds by name; {} if it is neither."""
    if is_dict(value):
        return value
    return instance_attributes(value) or {}


def is_tensor(value):
    return plain_tensor(value) is not None


def is_state_dict(value):
    """A dict of tensors, or one that was meant to be: other values will be
    refused by their key, but other dicts inside make it no state dict."""
    if not is_dict(value):
        return False
    any_tensor = False
    for key, item in dict.items(value):
        if is_tensor(item) or global_name(item) == NUMPY_ARRAY:
            any_tensor = True
        elif holds_parts(item) and not is_extra_state(key):
            return False
    return any_tensor


def holds_parts(value):
    return (is_dict(value) or is_record(value)
            or module_attributes(value) is not None)


def is_extra_state(key):
    return type(key) is str and key.rpartition(".")[2] == "_extra_state"


def is_matrix(value):
    tensor = plain_tensor(value)
    return (type(tensor) is Tensor and type(tensor.size) is tuple
            and len(tensor.size) >= 2)


def search(top, path):
    """Every policy inside a dict or an object, nearest first, each once."""
    seen = {id(top): None}      # id: Found, or None for what only holds some
    level = [(path, top)]
    for _ in range(MAX_DEPTH):
        below = []
        for path, holder in level:
            for key, value in dict.items(parts(holder)):
                if not searched(key) or not holds_parts(value):
                    continue
                inner = join(path, key)
                if id(value) not in seen:
                    one = seen[id(value)] = found_at(inner, key, value)
                    if one is None:
                        below.append((inner, value))
                elif key in WRAPPER_KEYS and seen[id(value)]:
                    seen[id(value)].take_usual_path(inner)
        level = below
    return [one for one in seen.values() if one]


def searched(key):
    return (type(key) is str and len(key) <= MAX_KEY_LENGTH
            and key not in NOT_SEARCHED)


def join(path, key):
    return f"{path}.{key}" if path else key


def found_at(path, key, value):
    if module_attributes(value) is not None:
        return Found(path, value, "module", True)
    if is_state_dict(value):
        return Found(path, value, "state dict", key in WRAPPER_KEYS)
    return None


def follow(value, path):
    """All that lies at a path: as keys have dots in them too, there can be
    several readings of it.  They are no more than 2^MAX_PATH_KEYS."""
    held = parts(value)
    reached = []
    end = -1
    while end < len(path):
        end = path.find(".", end + 1)
        end = len(path) if end < 0 else end
        if path[:end] in held:
            inner = held[path[:end]]
            reached += [inner] if end == len(path) else follow(
                inner, path[end + 1:])
    return reached


def names(found):
    shown = ", ".join(f"{one.path!r} ({one.kind})"
                      for one in found[:MAX_NAMED])
    more = len(found) - MAX_NAMED
    return shown + (f" and {more} more" if more > 0 else "")


def is_trainer_state(top):
    """An optimizer and no weights: lies beside policies in every run."""
    return is_dict(top) and any(key in top for key in OPTIMIZER_KEYS) \
        and not any(is_tensor(value) for key, value in dict.items(top)
                    if key != "avg_reward")


def at_path(top, path):
    """The object at the path that the user gave."""
    if path.count(".") >= MAX_PATH_KEYS:
        raise Refused(UNSUPPORTED, f"a path of over {MAX_PATH_KEYS} keys",
                      path)
    reached = follow(top, path)
    if any(one is not reached[0] for one in reached):
        raise Refused(UNSUPPORTED, "several things at that path, as keys "
                      "have dots in them", path)
    if reached:
        return reached[0]
    if module_attributes(top) is not None:
        raise Refused(UNSUPPORTED, "nothing at that path: the file holds a "
                      "module itself", path)
    found = search(top, "")
    if not found and is_trainer_state(top):
        refuse_trainer_state()
    raise Refused(UNSUPPORTED, "nothing at that path; there is "
                  + (names(found) or "no state dict below the top"), path)


def find(top, path):
    """Returns a Found, whose value is to be walked.

    The path is the one that the user gave, or "".  What lies there may be a
    holder once more.
    """
    if path:
        top = at_path(top, path)
    if module_attributes(top) is not None:
        return Found(path, top, "module", True)
    if is_state_dict(top):
        return Found(path, top, "state dict", True)
    found = search(top, path)
    if is_record(top) or is_dict(top):
        one = only(found, top)
        if one:
            return one
    refuse(top, found, path)
    return Found(path, top, "state dict", True)     # a key will tell why not


def only(found, top):
    """The one policy that can be meant, or None."""
    usual = [one for one in found if one.usual]
    beside = is_dict(top) and any(map(is_matrix, dict.values(top)))
    if len(usual) > 1 or (usual and beside):
        raise Refused(UNSUPPORTED, "several state dicts: " + names(usual)
                      + (" and the tensors beside" if beside else "")
                      + CHOOSE)
    return usual[0] if usual else None


def refuse(top, found, path):
    """No policy can be taken: say why, unless one of its keys tells."""
    if is_trainer_state(top) and not path:
        refuse_trainer_state()
    if found:
        raise Refused(UNSUPPORTED, "no policy at the top; deeper is "
                      + names(found) + CHOOSE, path)
    if is_record(top):
        raise Refused(UNSUPPORTED, f"a record ({global_name(top)}) without "
                      "an agent: no attribute of it is a module", path)
    if not is_dict(top):
        raise Refused(UNSUPPORTED, "neither a module nor a state dict but of "
                      "type " + global_name(top), path)
    if not top:
        raise Refused(UNSUPPORTED, "an empty dict, not a state dict", path)


def refuse_trainer_state():
    raise Refused(NOT_A_POLICY, "trainer state: an optimizer, no weights")
