"""Compile the helper's Python modules into a C file, at build time.

usage: embed.py MODULE.py... OUT.c

It is run by the interpreter that will be embedded.  The code is marshalled in
the order given, so that the helper neither compiles nor searches when it
starts; where that interpreter's own library lies is written down as well.
"""

import marshal
import os
import sys
import sysconfig


def bytes_array(name, data):
    lines = [f"static const char {name}[] = {{"]
    for start in range(0, len(data), 16):
        lines.append("\t" + "".join(
            f"{(byte ^ 0x80) - 0x80}," for byte in data[start:start + 16]))
    return "\n".join(lines + ["};\n"])


def c_string(path):
    return '"' + "".join(f"\\{byte:03o}" for byte in os.fsencode(path)) + '"'


def python_home():
    """Definitions of the embedded interpreter's prefix and library folders."""
    folders = [os.path.dirname(os.__file__)]
    extensions = sysconfig.get_config_var("DESTSHARED")
    if extensions and os.path.isdir(extensions):
        folders.append(extensions)
    return (f"const char python_home[] = {c_string(sys.base_prefix)};\n"
            "const char *const python_folders[] = {\n"
            + "".join(f"\t{c_string(folder)},\n" for folder in folders)
            + "\tNULL\n};\n")


def main(sources, out):
    text = ['/* Made by embed.py. */\n',
            '#include "convert/unpickler/restricted_code.h"\n\n']
    rows = []
    for source in sources:
        name = os.path.splitext(os.path.basename(source))[0]
        with open(source, encoding="utf-8") as file:
            code = compile(file.read(), name + ".py", "exec",
                           dont_inherit=True, optimize=2)
        data = marshal.dumps(code)
        text.append(bytes_array("code_" + name, data))
        rows.append(f'\t{{ "{name}", code_{name}, {len(data)} }},\n')
    text += ["\nconst struct restricted_module restricted_modules[] = {\n",
             *rows, "\t{ 0 }\n};\n\n", python_home()]
    with open(out, "w", encoding="ascii") as file:
        file.writelines(text)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__.split("\n\n")[1])
    if sys.version_info < (3, 10):
        sys.exit("embed.py: Python 3.10 or later is needed, this is "
                 + sys.version.split()[0])
    main(sys.argv[1:-1], sys.argv[-1])
