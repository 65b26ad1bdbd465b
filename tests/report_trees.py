"""Trees of bundles to report on: one of each verdict, and names that want to break out."""

import os

from test_validate import WEIGHTS, make_folder, make_tree, make_zip, members, spec_of

# What ends a string, a tag, a command or a fence in one of the formats.
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">]]>'</script><script>"
    "document.title='owned'</script>`` ` ```` %0A::error::x,y:\x1b[31m\u202e\ufffe\u2028"
    " | *b* @user [a](javascript:x) ]"
)
# In the name of a folder there is no slash.
HOSTILE_NAME = HOSTILE.replace("/", "\n::error ::") + "&amp;%:v3"


def make_hostile_tree(root):
    """Ordinary bundles of each verdict, and hostile ones: what stands in which is 'bad'."""
    make_tree(root)
    hostile = root / "hostile"
    make_folder(hostile, members(spec_of(**{HOSTILE[:70]: 1})), HOSTILE_NAME)
    make_folder(hostile, members(spec_of(data_path=HOSTILE)), "run:v4")
    make_zip(hostile, members() | {HOSTILE[:70]: b""}, "run:v5.zip")
    os.mkdir(os.fsencode(hostile) + b"/\xff\xc2\x85:v3")


def make_many(root, count):
    """Bad ones, ones with a warning, and ones with a note in turn."""
    for epoch in range(count):
        name = ["run:v", "dotted.run:v", "run:v"][epoch % 3] + str(epoch)
        content = [
            members(weights=WEIGHTS[:-1]), members(), members(spec_of(later=epoch))
        ][epoch % 3]
        make_folder(root, content, name)
