# Once for all files here: the tree under test is copied, so that a build that runs meanwhile changes nothing, and
# the images are there.
# shellcheck shell=bash

# shellcheck source=tests/suite.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.bash"

setup_suite() {
  local here
  here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
  suite_begin "$here"
  gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -o "$suite/programs/notifier" "$here/notifier.c"
}
