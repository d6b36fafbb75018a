# shellcheck shell=bash
# What the suites that run the built tree begin with.

# A copy of the tree under test (build/prefix, or $TREE_UNDER_TEST) in $suite/prefix, and
# empty folders for programs and libraries beside it.
#   suite_begin FOLDER_OF_THE_TESTS
suite_begin() {
  local tree=${TREE_UNDER_TEST:-$1/../../build/prefix}
  if [ ! -x "$tree/bin/allocrun" ] || [ ! -e "$tree/lib/allocrun/manifest.json" ]; then
    echo "no allocrun in $tree: make build" >&2
    return 1
  fi
  if [ -e /etc/allocrun ]; then
    echo "/etc/allocrun is there: the tests would read the policy of this machine" >&2
    return 1
  fi
  # Other users than root must get at what the tests start.
  umask 022
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR"
  export suite=$BATS_SUITE_TMPDIR
  cp -a "$tree" "$suite/prefix"
  mkdir "$suite/programs" "$suite/libraries"
}
