#!/usr/bin/env bats
# What hardens services, one setting a row, with allocrun put in front by the generator: a start that works without
# allocrun works with it, and the audit says of each of its checks what is written here. Skip and unknown are never
# taken for ok.
# shellcheck disable=SC2016,SC2034,SC2154 # text for the shell of the node; what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

checks=preload-effective,options-in-force,launch-record,mempolicy-in-force,thp-in-force,limits-in-force

# SETTINGS | what is not ok: CHECK=STATUS...; or that it does not start.
rows() {
  cat <<'ROWS'
OOMScoreAdjust=0 |
MemoryDenyWriteExecute=yes |
NoNewPrivileges=yes |
PrivateUsers=yes |
ProtectProc=invisible |
ProcSubset=pid |
RestrictNamespaces=yes |
LockPersonality=yes |
CapabilityBoundingSet= |
AmbientCapabilities= |
SecureBits=noroot |
ProtectKernelTunables=yes |
ProtectKernelLogs=yes |
ProtectKernelModules=yes |
ProtectClock=yes |
ProtectHostname=yes |
ProtectControlGroups=yes |
ProtectHome=yes |
ProtectSystem=yes |
ProtectSystem=full |
PrivateDevices=yes |
PrivateTmp=yes |
PrivateNetwork=yes |
PrivateIPC=yes |
PrivateMounts=yes |
RestrictAddressFamilies=AF_UNIX |
RestrictAddressFamilies=none |
RestrictRealtime=yes |
RestrictSUIDSGID=yes |
RestrictFileSystems=~tmpfs |
RemoveIPC=yes |
KeyringMode=private |
UMask=0077 |
SystemCallArchitectures=native |
SystemCallFilter=@system-service |
SystemCallFilter=@system-service SystemCallErrorNumber=EPERM |
SystemCallFilter=~@resources SystemCallErrorNumber=EPERM | launch-record=warn mempolicy-in-force=skip
SystemCallFilter=~@resources | launch-record=warn mempolicy-in-force=skip
SystemCallFilter=~set_mempolicy | launch-record=warn mempolicy-in-force=skip
SystemCallFilter=~prctl | preload-effective=fail options-in-force=skip launch-record=warn thp-in-force=skip
SystemCallFilter=@basic-io @file-system @io-event @ipc @process @signal @default mmap mprotect munmap brk | preload-effective=fail options-in-force=skip launch-record=warn mempolicy-in-force=skip
LimitMEMLOCK=0 |
LimitAS=1G |
LimitNPROC=1 |
LimitNOFILE=64 |
LimitFSIZE=0 | launch-record=skip mempolicy-in-force=skip thp-in-force=skip limits-in-force=skip
OOMPolicy=kill |
CPUAffinity=0 |
CPUSchedulingPolicy=idle |
Nice=10 |
NUMAPolicy=bind NUMAMask=0 |
Environment=MALLOC_CONF=narenas:3 |
Environment=LD_PRELOAD=libz.so.1 |
Environment=RUNTIME_DIRECTORY=/nowhere |
User=nobody |
User=nobody RuntimeDirectory=t-run |
DynamicUser=yes |
DynamicUser=yes RuntimeDirectory=t-dynamic |
ProtectSystem=strict |
ProtectSystem=strict RuntimeDirectory=t-strict |
TemporaryFileSystem=/run |
TemporaryFileSystem=/run/allocrun:ro | launch-record=skip mempolicy-in-force=skip thp-in-force=skip limits-in-force=skip
TemporaryFileSystem=/run/allocrun:ro RuntimeDirectory=t-own |
NoExecPaths=/ ExecPaths=/bin /usr/bin /lib /lib64 /usr/lib |
InaccessiblePaths=/usr/local/lib | left as it is
TemporaryFileSystem=/usr/local | left as it is
RootDirectory=/ |
DynamicUser=yes ProtectSystem=strict PrivateTmp=yes MemoryDenyWriteExecute=yes NoNewPrivileges=yes SystemCallFilter=@system-service CapabilityBoundingSet= RestrictNamespaces=yes PrivateUsers=yes ProcSubset=pid ProtectProc=invisible |
ROWS
}

# By hand in ExecStart=, without the generator's lines around it.
rows_by_hand() {
  cat <<'ROWS'
User=nobody |
DynamicUser=yes | launch-record=skip mempolicy-in-force=skip thp-in-force=skip limits-in-force=skip
DynamicUser=yes ReadWritePaths=-/run/allocrun |
DynamicUser=yes RuntimeDirectory=t-dynamic |
ProtectSystem=strict | launch-record=skip mempolicy-in-force=skip thp-in-force=skip limits-in-force=skip
ProtectSystem=strict ReadWritePaths=-/run/allocrun |
ProtectSystem=strict RuntimeDirectory=t-strict |
User=nobody TemporaryFileSystem=/run/allocrun:ro RuntimeDirectory=t-own |
ROWS
}

# For the node's shell: a unit for each row of stdin, all started; what the audit says of each.
try_rows='
  checks=$1 command=$2 allocrun=/usr/local/bin/allocrun n=0 rows=()
  mkdir -p /etc/allocrun /run/systemd/system
  printf "[launch]\nnuma = 0\nthp = off\noom-score-adj = 100\ncore = 0\n[units]\n" >/etc/allocrun/policy.conf
  while IFS="|" read -r settings expected; do
    unit=t-row$n n=$((n + 1)) rows+=("$settings")
    # A word that begins like a setting is the next one.
    sed -E "s/ ([A-Z][A-Za-z]+=)/\n\1/g; s/ *\$//" <<<"[Service] $settings" |
      cat - <(printf "Type=exec\nExecStart=%s\n" "$command") >/run/systemd/system/$unit.service
    echo "$unit.service = $3" >>/etc/allocrun/policy.conf
  done
  systemctl daemon-reload
  pid_of() { systemctl show --property=MainPID --value "$1"; }
  for ((i = 0; i < n; i++)); do
    unit=t-row$i found="start fails"
    if systemctl start $unit 2>/dev/null; then
      # Not the launcher any more.
      until read -r comm <"/proc/$(pid_of $unit)/comm" && [ "$comm" != allocrun ]; do sleep 0.01; done
      found=$("$allocrun" --check --unit $unit --only "$checks" --format json |
        awk -F"\"" "\$2 == \"id\" { id = \$4 } \$2 == \"status\" && id { if (\$4 != \"ok\") print id \"=\" \$4; id = \"\" }" | paste -sd" ")
      [ "$3" = off ] || [ -e /run/systemd/generator.late/$unit.service.d ] || found="left as it is"
    fi
    systemctl kill --signal=KILL $unit 2>/dev/null
    echo "${rows[i]}|${found:+ $found}"
  done
  systemctl stop "t-row*" 2>/dev/null; systemctl reset-failed; rm -r /run/systemd/system/t-row* /etc/allocrun; systemctl daemon-reload'

try() { at bash -c "$try_rows" bash "$checks" "$@" <"$BATS_TEST_TMPDIR/rows" >"$BATS_TEST_TMPDIR/found" 3>&-; }

@test "hardening: no start is lost to allocrun, and the audit takes nothing that it could not see for proved" {
  rows >"$BATS_TEST_TMPDIR/rows"
  try "/bin/sleep 600" on
  diff "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/found"
}

@test "hardening: by hand, without what the generator adds" {
  rows_by_hand >"$BATS_TEST_TMPDIR/rows"
  try "$inside --quiet -- /bin/sleep 600" off
  diff "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/found"
}

# The gate of a rollout asks for ok of each, by name.
@test "hardening: a gate takes neither skip nor unknown for ok" {
  run_on 'systemd-run --quiet --unit=t-gate -p Type=exec -p ProtectSystem=strict /usr/local/bin/allocrun --quiet -- /bin/sleep 600'
  on "$inside" --check --unit t-gate --only "$checks" --format json
  expect_status 0
  expect_equal "not ok" "launch-record=skip limits-in-force=skip mempolicy-in-force=skip thp-in-force=skip" \
    "$(jq -r '.findings | map(select(.status != "ok") | .id + "=" + .status) | sort | join(" ")' <<<"$out")"
  on systemctl stop t-gate
}
