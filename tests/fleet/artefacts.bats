#!/usr/bin/env bats
# allocrun-node and the collection with the project's own .deb and .rpm (make package), beside the tarball: half a
# minute. Of the tier package. The last test needs root and podman, and so does a full disk.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # for other shells; each test has a shell of its own; what helpers.bash sets
bats_require_minimum_version 1.5.0

load helpers

packages=$repo/build/packages
version=$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$repo/launcher/version.h")
machine=$(uname -m)
tarball=$packages/allocrun-$version-$machine-glibc.tar.gz
deb=$packages/allocrun_${version}_$(dpkg --print-architecture).deb
rpm=$packages/allocrun-$version-1.$machine.rpm

setup_file() {
  [ -s "$packages/SHA256SUMS" ] || { echo "no packages: make package" >&2; return 1; }
}

# at FOLDER: from now on the node is the one whose folders lie there, in place of a machine's.
at() {
  place=$BATS_TEST_TMPDIR/$1
  places=(--no-systemd --root "$place/opt" --state "$place/state" --etc "$place/etc")
}
setup() { at node; }
# $programs: where it finds those that it starts.
node() { PATH=${programs:-$PATH} "$repo/build/prefix/bin/allocrun-node" "$@" "${places[@]}"; }

# refused WORDS ARTEFACT [OPTION]...: and there is nothing of it.
refused() {
  local words=$1
  shift
  run node stage "$@"
  [[ $status -eq 3 && $output == *"$words"* ]] || { echo "$*: $status: $output; wanted: $words"; return 1; }
  [ -z "$(ls -A "$place/opt/versions" 2>/dev/null)" ] || { find "$place/opt/versions" | head; return 1; }
  [[ $(node status) == absent:* ]]
}

# tree ROOT: what lies in the version, by path, kind, mode and link.
tree() { (cd "$1/opt/versions/$version" && find . -mindepth 1 ! -name .artefact -printf '%P %y %m %l\n' | sort); }

staged_as() {
  at "$1"
  node stage "$2" --sums "$packages/SHA256SUMS"
  node apply --confirm-within 60s
  node gate --without-server
  node confirm
  "$place/opt/current/bin/allocrun" --require preload,integrity -- true
}

@test "artefacts: a tarball, an .rpm and a .deb give the same folder, but for what Debian keeps elsewhere and builds itself" {
  local t=$BATS_TEST_TMPDIR/tarball r=$BATS_TEST_TMPDIR/rpm d=$BATS_TEST_TMPDIR/deb
  staged_as tarball "$tarball"
  staged_as rpm "$rpm"
  staged_as deb "$deb"
  # An .rpm has the sums of its files in its own header.
  diff <(tree "$t" | grep -v '^SHA256SUMS ') <(tree "$r")
  diff -r --no-dereference -x .artefact -x SHA256SUMS "$t/opt/versions" "$r/opt/versions"
  # Manual pages are compressed, licences that each Debian has are not there, completions of zsh have a folder of Debian's.
  plain() { grep -vE '^share/(doc|lintian|man)(/| )|^SHA256SUMS ' | sed 's|site-functions|vendor-completions|'; }
  diff <(tree "$t" | plain) <(tree "$d" | plain)
  diff <(tree "$t" | sed -n 's|^share/man/\([^ ]*\) f.*|\1.gz|p') <(tree "$d" | sed -n 's|^share/man/\([^ ]*\) f.*|\1|p')
  # What is preloaded is the same to the byte; the programs are built with Debian's flags.
  run diff -rq --no-dereference -x .artefact "$t/opt/versions/$version/lib" "$d/opt/versions/$version/lib"
  [ "$(wc -l <<<"$output")" -eq 1 ]
  [[ $output == *lib/allocrun/jeprof* ]]
  for place in "$t" "$r" "$d"; do
    [ "$(tree "$place" | awk '$2 == "f" && $3 != 644 && $3 != 755 || $2 == "d" && $3 != 755')" = "" ]
  done
}

@test "artefacts: the same version from other bytes is refused, whatever they come in" {
  node stage "$deb"
  node stage "$deb"
  run node stage "$rpm"
  [ "$status" -eq 3 ]
  [[ $output == *"$version: is there, from other bytes"* ]]
  [ "$(ls -A "$place/opt/versions")" = "$version" ]
}

@test "artefacts: half a package, another program's, other bytes, another signer: refused, and nothing is left" {
  local file
  cd "$BATS_TEST_TMPDIR"
  for file in "$deb" "$rpm"; do
    head -c 100 "$file" >start
    refused "cannot be unpacked" ./start
    head -c 700000 "$file" >"${file##*/}"
    refused "cannot be unpacked" "${file##*/}"
    refused "not the bytes that" "${file##*/}" --sums "$packages/SHA256SUMS"
  done
  refused "no artefact of allocrun: the package's name is liballocpool1" "$packages/liballocpool1_${version}_$(dpkg --print-architecture).deb"
  refused "no artefact of allocrun: the package's name is liballocpool1" "$packages/liballocpool1-$version-1.$machine.rpm"
  refused "no artefact of allocrun" "$packages/allocpool-$version-$machine.tar.gz"
  cp "$packages/SHA256SUMS" .
  for who in ours theirs; do
    ssh-keygen -q -t ed25519 -N '' -f $who
    echo "release $(cut -d' ' -f1,2 $who.pub)" >signers.$who
  done
  ssh-keygen -q -Y sign -n allocrun -f ours SHA256SUMS
  for file in "$deb" "$rpm"; do
    refused "its signature does not hold" "$file" --sums SHA256SUMS --signature SHA256SUMS.sig --signers signers.theirs
    cp "$file" other
    refused "does not name it" other --sums SHA256SUMS --signature SHA256SUMS.sig --signers signers.ours
  done
  node stage "$rpm" --sums SHA256SUMS --signature SHA256SUMS.sig --signers signers.ours
}

# package [FIELD-OF-CONTROL]...: $tree as x.deb, with a program of this machine.
package() {
  mkdir -p "$tree/DEBIAN"
  printf '%s\n' "Package: allocrun" "Version: 9" "Architecture: all" "Maintainer: x <x@example.invalid>" "Description: x" |
    awk -F: -v field="${1-}" 'field == "" || index(field, $1 ":") != 1 { print; next } { print field }' >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone -b "$tree" "$BATS_TEST_TMPDIR/x.deb" >/dev/null
}

# as_tarball: the same as x.tar.gz
as_tarball() { tar -C "$tree" --transform 's|^usr|allocrun-9|;s|^\./usr|allocrun-9|' --exclude ./DEBIAN -I 'gzip -1' -cf "$BATS_TEST_TMPDIR/x.tar.gz" usr; }

fresh() {
  tree=$BATS_TEST_TMPDIR/tree
  rm -rf "$tree"
  mkdir -p "$tree/usr/bin" "$tree/usr/lib"
  cp "$repo/build/prefix/bin/allocrun" "$tree/usr/bin/"
}

@test "artefacts: of another machine, or with what has no place in a version: refused, and nothing is left" {
  local tree x=$BATS_TEST_TMPDIR/x
  fresh
  package "Version: 1:9"
  refused "its version '1:9' can be no folder's name" "$x.deb"
  [ ! -e "$place/opt" ]
  printf '\267' | dd of="$tree/usr/bin/allocrun" bs=1 seek=18 conv=notrunc 2>/dev/null
  package
  refused "of another machine than this" "$x.deb"
  fresh
  mv "$tree/usr" "$tree/opt"
  package
  refused "it has more than what is in /usr" "$x.deb"
  fresh
  mkdir -p "$tree/etc/cron.d"
  package
  refused "it has more than what is in /usr" "$x.deb"
  for link in /etc ../../.. nowhere; do
    fresh
    ln -s $link "$tree/usr/lib/out"
    package
    refused "out in it is no folder" "$x.deb"
    as_tarball
    refused "out in it is no folder" "$x.tar.gz"
  done
  fresh
  mkfifo "$tree/usr/lib/fifo"
  package
  refused "fifo in it is no folder" "$x.deb"
  as_tarball
  refused "fifo in it is no folder" "$x.tar.gz"
  # The tree itself.
  fresh
  mv "$tree/usr" "$BATS_TEST_TMPDIR/elsewhere"
  ln -s "$BATS_TEST_TMPDIR/elsewhere" "$tree/usr"
  package
  refused "usr in it is no folder" "$x.deb"
  as_tarball
  refused "allocrun-9 in it is no folder" "$x.tar.gz"
  [ ! -e "$BATS_TEST_TMPDIR/elsewhere/.artefact" ]
  # No path outside.
  fresh
  touch "$tree/evil"
  package
  (cd "$BATS_TEST_TMPDIR" && ar x x.deb && tar -C "$tree" -P --transform 's|^evil|../../../../../evil|' -cf data.tar usr evil && ar r x.deb data.tar 2>/dev/null)
  refused "cannot be unpacked: tar: Removing leading" "$x.deb"
  [ -z "$(find "$BATS_TEST_TMPDIR" -name evil ! -path "$tree/*")" ]
}

@test "artefacts: nobody else may write what comes out, and nothing is run as its owner" {
  local tree x=$BATS_TEST_TMPDIR/x
  fresh
  chmod 6777 "$tree/usr/bin/allocrun"
  chmod 1777 "$tree/usr/lib"
  for what in deb tar.gz; do
    package
    as_tarball
    at "$what"
    node stage "$x.$what"
    [ "$(stat -c %a "$place/opt/versions/9/"{bin/allocrun,lib} | paste -sd' ')" = "755 755" ]
  done
}

@test "artefacts: what unpacks one is not here: said by its name, before anything is there" {
  local tools=$BATS_TEST_TMPDIR/tools missing kind
  for missing in dpkg-deb:deb tar:deb rpm:rpm rpm2archive:rpm tar:rpm gzip:rpm tar:tarball gzip:tarball; do
    kind=${missing#*:} missing=${missing%:*}
    rm -rf "$tools"
    mkdir "$tools"
    for tool in sh dpkg-deb rpm rpm2archive tar gzip; do
      [ $tool = "$missing" ] || ln -s "$(command -v $tool)" "$tools/"
    done
    programs=$tools refused "wants $missing to be unpacked, and that is not here: install it" "${!kind}"
    [ ! -e "$place/opt" ]
  done
}

@test "artefacts: a full disk leaves nothing" {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  mkdir -p "$place/opt"
  for file in "$deb" "$rpm"; do
    for size in 2m 8m; do
      run unshare --mount --propagation private bash -c 'mount -t tmpfs -o size="$1" none "$2" && folder=$2 && shift 2 && { "$@"; status=$?; ls -A "$folder/versions"; exit $status; }' \
        full $size "$place/opt" "$repo/build/prefix/bin/allocrun-node" stage "$file" "${places[@]}"
      [[ $status -eq 3 && $output == *"cannot be unpacked: "*"No space left"* ]] || { echo "$file: $size: $status: $output"; return 1; }
      [ "$(wc -l <<<"$output")" -eq 1 ]
      [[ $(node status) == absent:* ]]
    done
  done
}

# What the first one's tar still writes must not be in the second one's way.
@test "artefacts: killed with -9 while its tar is at work: the next one is whole, and so is the first when it is called again" {
  local tree tools=$BATS_TEST_TMPDIR/tools pid killed=0
  mkdir "$tools"
  mkfifo "$tools/go" "$tools/done"
  printf '#!/bin/sh\n[ "$1" = -xzf ] || exec /usr/bin/tar "$@"\ntouch "%s/waits"\nread _ <"%s/go"\n/usr/bin/tar "$@"\necho $? >"%s/done"\n' "$tools" "$tools" "$tools" >"$tools/tar"
  chmod 755 "$tools/tar"
  fresh
  as_tarball
  PATH=$tools:$PATH "$repo/build/prefix/bin/allocrun-node" stage "$BATS_TEST_TMPDIR/x.tar.gz" "${places[@]}" 3>&- &
  pid=$!
  until_true 100 test -e "$tools/waits"
  kill -KILL $pid
  wait $pid || killed=$?
  [ "$killed" -eq 137 ]
  [[ $(node status) == absent:* ]]
  # The second one's tar waits for the end of the first one's.
  # dpkg-deb has a use for tar as well.
  printf '#!/bin/sh\n[ "$1" != -xf ] || { echo go >"%s/go"; read _ <"%s/done"; }\nexec /usr/bin/tar "$@"\n' "$tools" "$tools" >"$tools/tar.new"
  chmod 755 "$tools/tar.new"
  mv "$tools/tar.new" "$tools/tar"
  programs=$tools:$PATH node stage "$deb"
  [ "$(ls -A "$place/opt/versions")" = "$version" ]
  node stage "$BATS_TEST_TMPDIR/x.tar.gz"
  [ "$(cd "$place/opt/versions" && echo *)" = "$version 9" ]
}

@test "artefacts: without a controller, a signed release that names a package" {
  cd "$BATS_TEST_TMPDIR"
  ssh-keygen -q -t ed25519 -N '' -f ours
  echo "release $(cut -d' ' -f1,2 ours.pub)" >signers
  for file in "$deb" "$rpm"; do
    mkdir -p r
    cp "$file" r/
    at "pull-${file##*.}"
    jq -n --arg machine "$machine" --arg file "${file##*/}" --arg version "$version" --arg sum "$(sha256sum "$file" | cut -d' ' -f1)" \
      '{release: 1, serial: 1, halt: false, permille: 1000, version: $version, artefacts: {($machine): {file: $file, sha256: $sum}}}' >r/release.json
    rm -f r/release.json.sig
    ssh-keygen -q -Y sign -n allocrun -f ours r/release.json
    node pull "$PWD/r" --signers signers --confirm-within 60s --without-server
    [ "$(readlink "$place/opt/current")" = "versions/$version" ]
  done
}

# reads ARTEFACT: the version, and how the program begins, as the collection reads them; or why not.
reads() {
  PYTHONPATH=$BATS_TEST_TMPDIR PATH=${programs:-$PATH} "$repo/build/fleet/venv/bin/python" - "$1" <<'PY'
import sys
from ansible_collections.allocrun.fleet.plugins.module_utils.artefact import Broken, read_program
try:
    version, data = read_program(sys.argv[1], "allocrun")
    print(version, data[1:4].decode())
except Broken as error:
    print(error)
PY
}

@test "artefacts: the collection reads the version and the program out of each; what is missing for it is named" {
  local file
  "$repo/tests/fleet/setup"
  mkdir -p "$BATS_TEST_TMPDIR/ansible_collections/allocrun" "$BATS_TEST_TMPDIR/none"
  ln -s "$repo/ansible" "$BATS_TEST_TMPDIR/ansible_collections/allocrun/fleet"
  for file in "$tarball" "$deb" "$rpm"; do
    [ "$(reads "$file")" = "$version ELF" ]
    head -c 700000 "$file" >"$BATS_TEST_TMPDIR/half"
    [[ $(reads "$BATS_TEST_TMPDIR/half") == "$BATS_TEST_TMPDIR/half: "* ]]
  done
  [ "$(reads "$packages/liballocpool1-$version-1.$machine.rpm")" = "$packages/liballocpool1-$version-1.$machine.rpm: no artefact of allocrun: it has no allocrun" ]
  [ "$(programs=$BATS_TEST_TMPDIR/none reads "$rpm")" = "$rpm: is an RPM package, which wants rpm2archive to be unpacked, and that is not here: install it, or take the tarball" ]
  # The module on a node that has nothing yet.
  cp "$rpm" "$BATS_TEST_TMPDIR/x.rpm"
  export PATH=$repo/build/fleet/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$BATS_TEST_TMPDIR ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1 \
    ANSIBLE_LOCAL_TEMP=$BATS_TEST_TMPDIR/ansible ANSIBLE_REMOTE_TEMP=$BATS_TEST_TMPDIR/ansible
  run ansible localhost -m allocrun.fleet.allocrun_node -a "$(jq -nc --arg a "$BATS_TEST_TMPDIR/x.rpm" --arg p "$place/opt/allocrun-node" \
    '{verb: "stage", artefact: $a, program: $p, extra: $ARGS.positional}' --args -- "${places[@]}")"
  [[ $status -eq 0 && $output == *'"changed": true'*"version $version staged"* ]] || { echo "$output"; return 1; }
  cmp "$place/opt/allocrun-node" "$place/opt/versions/$version/bin/allocrun-node"
  [ ! -e "$BATS_TEST_TMPDIR/x.rpm" ]
}

# What of the fleet's the package's own scripts could reach.
fleets() { on "$prefix-1" sh -c 'find /etc/systemd /opt/allocrun /usr/local/bin /var/lib/allocrun ! -name rollout.lock -printf "%p %y %m %l %s\n" | sort; ls /run/allocrun'; }

@test "artefacts: a real roll-out of the .deb, beside the same .deb that dpkg has installed: neither touches the other" {
  [ "$(id -u)" -eq 0 ] || skip "needs root: containers"
  local before there
  export fleet=1 shared=$BATS_FILE_TMPDIR/t work=$BATS_FILE_TMPDIR/w
  "$repo/tests/images/base" fleet
  mkdir -p "$shared"
  cp "$repo/build/prefix/bin/allocrun-node" "$deb" "$packages/SHA256SUMS" "$shared/"
  printf '[launch]\nprofile = memory\n[units]\nsrv.service = on\n' >"$shared/good.conf"
  fleet_controller "$work"
  prefix=allocrun-test-artefacts-$$
  fleet_start 1
  on "$prefix-1" dpkg -i "/t/${deb##*/}"
  on "$prefix-1" systemctl restart srv
  before=$(manifest "$prefix-1")
  playbook rollout -e "allocrun_artefact=$shared/${deb##*/}" -e "allocrun_sums=$shared/SHA256SUMS" -e "allocrun_policy=$shared/good.conf" \
    -e '{"allocrun_units": ["srv.service"]}' -e allocrun_health=http://127.0.0.1:8000/
  [ "$status" -eq 0 ]
  is 1 confirmed "$version"
  on "$prefix-1" grep -q "/opt/allocrun/versions/$version/lib/allocrun/" "/proc/$(server_pid 1)/maps"
  # dpkg knows nothing of it.
  on "$prefix-1" dpkg --verify allocrun
  run on "$prefix-1" dpkg -S /opt/allocrun/versions
  [ "$status" -ne 0 ]
  on "$prefix-1" systemctl enable -q --now allocrun-check.timer
  there=$(fleets)
  on "$prefix-1" dpkg -P allocrun
  diff <(echo "$there") <(fleets)
  on "$prefix-1" systemctl is-active -q allocrun-check.timer
  is 1 confirmed "$version"
  on "$prefix-1" systemctl disable -q --now allocrun-check.timer
  on "$prefix-1" dpkg -i "/t/${deb##*/}"
  playbook rollback
  [ "$status" -eq 0 ]
  [ "$(manifest "$prefix-1")" = "$before" ]
  on "$prefix-1" dpkg --verify allocrun
}

teardown() { [ -z "${prefix-}" ] || fleet_stop; }
