# shellcheck shell=bash
# An apt of its own, so that the machine's settings and lists are neither read nor changed.
# Sourced; the caller gives the folder $scratch and removes it.

# Mirrors that this machine's apt uses for its own release. Asked with
# --print-uris, which needs neither the network nor downloaded lists, and reads
# every format of sources list. More than one can come back (a vendor's
# repository may use the same release name): try them in turn.
mirrors() {
  local codename
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  [ -n "$codename" ] || return 0
  apt-get --print-uris update 2>/dev/null |
    sed -n "s|^'\(.*\)/dists/$codename/InRelease'.*|\1|p"
}

# write_apt_config MIRROR SUITE deb|deb-src MACHINE ('' for this one). The mirror is only in
# this file, which is deleted again. The hooks are cleared because they tidy the machine's cache.
write_apt_config() {
  local mirror=$1 suite=$2 type=$3 machine=$4 keyring option=
  for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [ ! -r "$keyring" ] || { option="[signed-by=$keyring] "; break; }
  done
  rm -rf -- "${scratch:?}/apt"
  mkdir -p "$scratch/apt/"{parts,lists/partial,cache/archives/partial}
  printf '%s %s%s %s main\n' "$type" "$option" "$mirror" "$suite" >"$scratch/apt/parts/sources.list"
  cat >"$scratch/apt/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$scratch/apt/parts";
Dir::State::Lists "$scratch/apt/lists";
Dir::Cache "$scratch/apt/cache";
APT::Sandbox::User "$(id -un)";
${machine:+APT::Architecture "$machine"; APT::Architectures "$machine"; Dir::State::status "/dev/null";}
Acquire::Retries "3";
CONF
}

# private_apt apt-get|apt-cache ARGUMENT...
private_apt() { local tool=$1; shift; "$tool" -q -c "$scratch/apt/apt.conf" "$@" </dev/null; }
