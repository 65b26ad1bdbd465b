"""Print the compiler or linker flags that embed the interpreter running this."""

import sys
import sysconfig


def cflags():
    return ["-isystem", sysconfig.get_path("include")]


def is_searched(folder):
    """Does the loader look there by itself?  Packages of a system rely on that."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "."
    return folder in ("/usr/lib", "/usr/lib64", f"/usr/lib/{multiarch}", f"/lib/{multiarch}")


def libs():
    get = sysconfig.get_config_var
    version = get("LDVERSION") or get("VERSION")
    folder = get("LIBDIR") if get("Py_ENABLE_SHARED") else get("LIBPL")
    flags = ["-L" + folder, "-lpython" + version]
    if get("Py_ENABLE_SHARED"):
        flags += [] if is_searched(folder) else ["-Wl,-rpath," + folder]
    else:
        flags.append("-Wl,--export-dynamic")
    return flags + (get("LIBS") or "").split() + (get("SYSLIBS") or "").split()


print(" ".join({"cflags": cflags, "libs": libs}[sys.argv[1]]()))
