"""Load a pickle of each kind of file: they name storages in different ways.

A pickle of an archive or a package names storages by persistent id and knows
no more of them.  A stream's is followed by the list of all its storages.  A
plain pickle holds its storages, each as the bytes of a small stream:

  pickle    119547037146038801333356, the magic number
  pickle    1001, the protocol version
  pickle    a dict about the machine; nobody reads it
  pickle    the object; here it is one persistent id, that of the storage
  pickle    the list of storage keys; here it is one key
  8         number of elements, little-endian
  ...       the elements, little-endian
"""

from pickle_scan import scan

from inert import (CORRUPT, UNSUPPORTED, Budget, Refused, Token,
                   global_name, is_stub_type, set_slot, short, start)
from restricted import ObjectUnpickler, Reader, ValueUnpickler
from table import TABLE
from tensors import InlineStorage, Storage, StorageView

# enum unpickler_layout
ARCHIVE, STREAM, PACKAGE, PLAIN = range(4)

NESTED_PICKLES = 5      # in front of a stream's storages
STREAM_MAGIC, STREAM_VERSION = 0x1950A86A20F9469CFC6C, 1001


def id_tag(pid):
    """The tag of a persistent id, once that is known to be a tuple."""
    if type(pid) is str:
        raise Refused(UNSUPPORTED, "persistent id is text: the file was "
                      "saved with pickle protocol 0, which loses it")
    if type(pid) is not tuple or not pid or type(pid[0]) is not str:
        raise Refused(CORRUPT, "persistent id is no tuple with a tag")
    return pid[0]


def check_id(pid, nitems):
    """That it names a storage and has so many items."""
    tag = id_tag(pid)
    if tag != "storage":
        raise Refused(UNSUPPORTED, f"persistent id of kind {tag[:40]!r}")
    if len(pid) != nitems:
        raise Refused(CORRUPT,
                      f"persistent id of {len(pid)} items, not {nitems}")


class ArchiveUnpickler(ObjectUnpickler):
    """('storage', class, key, location, numel)"""

    def persistent_load(self, pid):
        check_id(pid, 5)
        return self.storage(*pid[1:])


class PackageUnpickler(ObjectUnpickler):
    """The same with a number as key, by which torch.package names a record;
    other kinds of id stand for objects that its own code would rebuild."""

    def persistent_load(self, pid):
        check_id(pid, 5)
        _, cls, key, location, numel = pid
        if type(key) is int:
            key = short(key)
        return self.storage(cls, key, location, numel)


class StreamUnpickler(ObjectUnpickler):
    """('storage', class, key, location, numel, view), where view is None or
    (view key, offset, numel); ('module', class, source path, source)."""

    def __init__(self, reader):
        super().__init__(reader)
        self.views = {}         # by their own keys

    def persistent_load(self, pid):
        if id_tag(pid) == "module":
            return self.module_class(pid)
        check_id(pid, 6)
        storage = self.storage(*pid[1:5])
        return storage if pid[5] is None else self.view(storage, pid[5])

    @staticmethod
    def module_class(pid):
        """What the source says is nobody's concern."""
        if len(pid) != 4:
            raise Refused(CORRUPT, "persistent id of a module class of "
                          f"{len(pid)} items, not 4")
        if not is_stub_type(pid[1]):
            raise Refused(CORRUPT, "persistent id of a module class that is "
                          f"a {global_name(pid[1])}")
        return pid[1]

    def view(self, storage, metadata):
        if type(metadata) is not tuple or len(metadata) != 3 \
                or tuple(map(type, metadata)) != (str, int, int):
            raise Refused(CORRUPT, f"view of storage {storage.key} that is "
                          "not (key, offset, count)")
        key, offset, numel = metadata
        if offset < 0 or not 0 <= numel <= storage.numel - offset:
            raise Refused(CORRUPT, f"view of {short(numel)} elements at "
                          f"{short(offset)} of storage {storage.key}, which "
                          f"has {storage.numel}")
        view = self.views.get(key)
        if view is None:
            view = self.views[key] = StorageView(storage, offset, numel)
        elif (view.storage, view.offset, view.numel) != (storage, offset,
                                                         numel):
            raise Refused(CORRUPT, f"two views of the key {key[:80]!r}")
        return view

    def listed(self, reader):
        """The storages in the order of the list of keys that comes next."""
        keys = ValueUnpickler(reader).load()
        if type(keys) is not list:
            raise Refused(CORRUPT, "the list of storage keys is a "
                          + global_name(keys))
        listed = {}
        for key in keys:
            if type(key) is not str:
                raise Refused(CORRUPT, "the list of storage keys holds a "
                              + global_name(key))
            if key in listed:
                raise Refused(CORRUPT,
                              f"storage {key[:80]!r} is listed twice")
            if key not in self.storages:
                raise Refused(CORRUPT, f"storage {key[:80]!r} is in the list "
                              "of keys, but nothing uses it")
            listed[key] = self.storages[key]
        for key in self.storages:
            if key not in listed:
                raise Refused(CORRUPT, f"storage {key} is used, but not in "
                              "the list of keys")
            if key in self.views:
                raise Refused(CORRUPT,
                              f"the key {key} is a storage's and a view's")
        return list(listed.values())


class NestedUnpickler(StreamUnpickler):
    """The small stream inside a plain pickle."""

    def read(self, reader):
        """The only storage in it, with its bytes."""
        at = 0
        for _ in range(NESTED_PICKLES):     # nobody has scanned these yet
            at += scan(reader.data[at:])
        values = ValueUnpickler(reader)
        if values.load() != STREAM_MAGIC or values.load() != STREAM_VERSION:
            raise Refused(UNSUPPORTED, "bytes to load a storage from that are "
                          "no torch stream")
        values.load()
        storage = self.load()
        if type(storage) is not Storage or len(self.storages) != 1:
            raise Refused(UNSUPPORTED, "bytes to load a storage from that "
                          f"hold a {global_name(storage)}")
        self.listed(reader)
        rest = reader.rest()
        count = int.from_bytes(rest[:8], "little")
        nbytes = storage.numel * storage.cls.itemsize
        if len(rest) < 8 or count != storage.numel:
            raise Refused(CORRUPT, f"storage {storage.key} of {count} "
                          f"elements, the pickle says {storage.numel}")
        if len(rest) - 8 != nbytes:
            raise Refused(CORRUPT, f"storage {storage.key} of {nbytes} bytes, "
                          f"{len(rest) - 8} are there")
        return storage, rest[8:]


class LoadFromBytes(Token):
    """torch.storage._load_from_bytes(bytes) in a plain pickle."""

    __slots__ = ("unpickler",)

    def __init__(self, unpickler):
        set_slot(self, "unpickler", unpickler)

    def __call__(self, data):
        if type(data) is not bytes:
            raise TypeError(f"storage loaded from {global_name(data)}")
        return self.unpickler.inline_storage(data)


class PlainUnpickler(ObjectUnpickler):
    """No persistent ids, as there is no container."""

    def __init__(self, reader):
        super().__init__(reader)
        self.table = dict(TABLE)
        self.table["torch.storage", "_load_from_bytes"] = LoadFromBytes(self)
        # A plain pickle does not say twice to load the same bytes.
        self.nested = Budget()
        self.nested.start(len(reader.rest()))

    def persistent_load(self, pid):
        id_tag(pid)
        raise Refused(UNSUPPORTED, "persistent id in a plain pickle: the "
                      "container that it belongs to is missing")

    def inline_storage(self, data):
        """The streams' keys are addresses, which repeat: they get others."""
        self.nested.spend(len(data))
        reader = Reader(data)
        nested = NestedUnpickler(reader)
        nested.globals = self.globals
        storage, data = nested.read(reader)
        key = str(len(self.storages))
        storage = InlineStorage(key, storage.cls, storage.numel,
                                storage.location, data)
        self.add_storage(storage)
        return storage


UNPICKLERS = {
    ARCHIVE: ArchiveUnpickler, STREAM: StreamUnpickler,
    PACKAGE: PackageUnpickler, PLAIN: PlainUnpickler,
}


class Loaded:
    """What one request's pickle held."""

    __slots__ = "top", "globals", "nbytes", "nleft", "listed"


def load(layout, data):
    """Unpickle one request; data is a bytes-like object."""
    start(len(data))
    reader = Reader(data)
    unpickler = UNPICKLERS[layout](reader)
    loaded = Loaded()
    loaded.top = unpickler.load()
    # For a stream: its storages, in the order of the file.
    loaded.listed = unpickler.listed(reader) if layout == STREAM else []
    loaded.globals = list(unpickler.globals)
    loaded.nbytes = len(data)
    loaded.nleft = len(reader.rest())
    return loaded
