"""Print the compiler or linker flags that embed the interpreter running this."""

import sys
import sysconfig


def cflags():
    return ["-isystem", sysconfig.get_path("include")]


def libs():
    get = sysconfig.get_config_var
    version = get("LDVERSION") or get("VERSION")
    folder = get("LIBDIR") if get("Py_ENABLE_SHARED") else get("LIBPL")
    flags = ["-L" + folder, "-lpython" + version]
    if get("Py_ENABLE_SHARED"):
        flags.append("-Wl,-rpath," + folder)
    else:
        flags.append("-Wl,--export-dynamic")
    return flags + (get("LIBS") or "").split() + (get("SYSLIBS") or "").split()


print(" ".join({"cflags": cflags, "libs": libs}[sys.argv[1]]()))
