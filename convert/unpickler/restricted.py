"""The unpicklers: C's, with what inert.py says in place of everything."""

import _pickle

from inert import (CORRUPT, LIMIT, NUMBER_LIMIT, UNSUPPORTED, Refused,
                   check_global, global_name, short, stub_type)
from table import TABLE
from tensors import Storage, StorageClass

MAX_GLOBALS = 5000          # distinct names; a large policy has about 300
MAX_STORAGES = 1_000_000


class Reader:
    """Pickles as a file that the C unpickler reads in one piece.

    It peeks before it reads, and reading is only left to be done where the
    pickle ends too early, or to be told how much was used.  So nothing is
    copied, and no opcode costs a call.
    """

    __slots__ = "data", "pos"

    def __init__(self, data):
        self.data = memoryview(data)
        self.pos = 0

    def peek(self, nbytes):
        return self.data[self.pos:]

    def read(self, nbytes):
        self.pos += nbytes
        return b""

    def readline(self):
        return b""

    def rest(self):
        return self.data[self.pos:]


class ValueUnpickler(_pickle.Unpickler):
    """For pickles of numbers, strings, lists and dicts."""

    def __init__(self, reader):
        # Python 2 wrote byte strings where it meant text: this never fails,
        # and what is no UTF-8 cannot become a key later.
        super().__init__(reader, fix_imports=False, encoding="utf-8",
                         errors="surrogateescape")

    def find_class(self, module, name):
        raise Refused(CORRUPT, f"names {module[:80]} {name[:80]} where plain "
                      "values belong")

    def persistent_load(self, pid):
        raise Refused(CORRUPT, "persistent id where plain values belong")


_KEY_CHARACTERS = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")


def is_storage_key(key):
    return (1 <= len(key) <= 64 and _KEY_CHARACTERS.issuperset(key)
            and key not in (".", ".."))


class ObjectUnpickler(ValueUnpickler):
    """Looks up names in the closed table; keeps storages by their key."""

    def __init__(self, reader):
        super().__init__(reader)
        self.table = TABLE
        self.globals = {}       # in order of first use
        self.storages = {}      # by key

    def find_class(self, module, name):
        origin = module, name
        if origin not in self.globals:
            if len(self.globals) >= MAX_GLOBALS:
                raise Refused(LIMIT, f"names over {MAX_GLOBALS} globals")
            check_global(module, name)
            self.globals[origin] = None
        return self.table.get(origin) or stub_type(origin)

    def storage(self, cls, key, location, numel):
        if type(cls) is not StorageClass:
            raise Refused(UNSUPPORTED, f"storage class {global_name(cls)}")
        if type(key) is not str or type(numel) is not int:
            raise Refused(CORRUPT, "persistent id with a key of type "
                          f"{global_name(key)} and a count of type "
                          f"{global_name(numel)}")
        storage = self.storages.get(key)
        if storage is None:
            return self.new_storage(key, cls, numel, location)
        if storage.cls is not cls or storage.numel != numel:
            check_same(storage, cls, numel)
        return storage

    def new_storage(self, key, cls, numel, location):
        if not (key.isascii() and key.isdigit() and len(key) <= 64) \
                and not is_storage_key(key):
            raise Refused(CORRUPT, f"storage key {key[:80]!r}")
        if not 0 <= numel < NUMBER_LIMIT:
            raise Refused(CORRUPT,
                          f"storage {key} of {short(numel)} elements")
        storage = Storage(key, cls, numel, location)
        self.add_storage(storage)
        return storage

    def add_storage(self, storage):
        if len(self.storages) >= MAX_STORAGES:
            raise Refused(LIMIT, f"names over {MAX_STORAGES} storages")
        self.storages[storage.key] = storage


def check_same(storage, cls, numel):
    """One storage is one storage: torch writes it under two classes only
    where a uint8 tensor and an untyped view share it."""
    bytes_only = "ByteStorage", "UntypedStorage"
    if storage.cls is not cls and not (storage.cls.name in bytes_only
                                       and cls.name in bytes_only):
        raise Refused(CORRUPT, f"storage {storage.key} is a "
                      f"{storage.cls.name} and a {cls.name}")
    if storage.numel != numel:
        raise Refused(CORRUPT, f"storage {storage.key} has "
                      f"{storage.numel} elements and {short(numel)}")
