#!/usr/bin/env bats
# The image itself, and the files of images/ by the tools that know their formats.
# shellcheck disable=SC2154,SC2030,SC2031 # what helpers.bash reads and sets; each test has a shell of its own
bats_require_minimum_version 1.5.0

load helpers

setup_file() { images_tools; }

setup() { needs_root "images"; }

inspect() { podman image inspect --format "$1" "$image"; }

@test "image: one layer of at most 7.0 MB, 2.6 MB compressed; nobody's user; labels; nothing but the tree" {
  expect_equal layers 1 "$(inspect '{{len .RootFS.Layers}}')"
  size=$(inspect '{{.Size}}')
  [ "$size" -le 7000000 ] || fails "the image" "at most 7.0 MB" "$size"
  podman save --format oci-archive --output "$BATS_TEST_TMPDIR/image.tar" "$image" 2>/dev/null
  tar -xf "$BATS_TEST_TMPDIR/image.tar" -C "$BATS_TEST_TMPDIR" --one-top-level=oci
  layer=$(find "$BATS_TEST_TMPDIR/oci/blobs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
  compressed=$(gzip -cdf "$layer" | gzip -9 | wc -c)
  [ "$compressed" -le 2600000 ] || fails "the layer" "at most 2.6 MB compressed" "$compressed"
  expect_equal user 65532:65532 "$(inspect '{{.Config.User}}')"
  expect_equal entrypoint "[$inside]" "$(inspect '{{.Config.Entrypoint}}')"
  expect_equal version "$version" "$(inspect '{{index .Labels "org.opencontainers.image.version"}}')"
  gzip -cdf "$layer" | tar -tv >"$BATS_TEST_TMPDIR/list"
  expect_equal "top" opt "$(awk '{ print $6 }' "$BATS_TEST_TMPDIR/list" | cut -d/ -f1 | sort -u)"
  expect_equal "what changes a node, and what needs Python" "" "$(grep -E 'allocrun-node|allocbench' "$BATS_TEST_TMPDIR/list" || true)"
  expect_equal "owners" 0/0 "$(awk '{ print $2 }' "$BATS_TEST_TMPDIR/list" | sort -u)"
  expect_equal "what others may write" "" "$(grep -v '^l' "$BATS_TEST_TMPDIR/list" | grep -E '^.{8}w|^.{5}w' || true)"
}

@test "image: its tree is what its sums and its manifest say; the builds of both libcs are there" {
  mkdir "$BATS_TEST_TMPDIR/tree"
  container=$(podman create --pull=never "$image")
  podman export "$container" | tar -x -C "$BATS_TEST_TMPDIR/tree"
  podman rm "$container" >/dev/null
  (cd "$BATS_TEST_TMPDIR/tree/opt/allocrun" && sha256sum -c --quiet SHA256SUMS)
  attempt "$BATS_TEST_TMPDIR/tree/opt/allocrun/bin/allocrun" --check --only builds-integrity
  expect_status 0
  expect_equal "libcs" "glibc musl" "$(jq -r '.builds[].libc' "$BATS_TEST_TMPDIR/tree/opt/allocrun/lib/allocrun/manifest.json" | sort -u | paste -sd' ')"
  "$allocrun" --shims "$BATS_TEST_TMPDIR/shims" >/dev/null
  expect_equal "shims" "$(ls "$BATS_TEST_TMPDIR/shims")" "$(ls "$BATS_TEST_TMPDIR/tree/opt/allocrun/shims")"
  expect_equal "where they lead" ../bin/allocrun "$(readlink "$BATS_TEST_TMPDIR"/tree/opt/allocrun/shims/* | sort -u)"
}

@test "image: the same digest from another folder, with another umask, by another owner, without a cache, in another order" {
  local digest copy=$BATS_TEST_TMPDIR/elsewhere/with-another-name
  digest=$(inspect '{{.Digest}}')
  mkdir -p "$copy"
  (cd "$root" && git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done | shuf |
    tar -c --no-recursion -T -) | (umask 077 && tar -x --no-same-permissions -C "$copy")
  chown -R 12345 "$copy"
  cp -a "$root/build/sources" "$root/build/allocator" "$BATS_TEST_TMPDIR/elsewhere/"
  mkdir -p "$copy/build"
  mv "$BATS_TEST_TMPDIR/elsewhere/sources" "$BATS_TEST_TMPDIR/elsewhere/allocator" "$copy/build/"
  (umask 077 && cd / && patience=1800 bounded env -u SOURCE_DATE_EPOCH "$copy/images/build" --tag localhost/allocrun-test-again allocrun >"$BATS_TEST_TMPDIR/log" 2>&1) ||
    fails "images/build elsewhere" "success" "$(tail -n 5 "$BATS_TEST_TMPDIR/log")"
  expect_equal "digest" "$digest" "$(podman image inspect --format '{{.Digest}}' localhost/allocrun-test-again)"
  podman rmi localhost/allocrun-test-again >/dev/null
}

@test "image: for aarch64, what is in it is for aarch64" {
  patience=1800 bounded "$root/images/build" --machine aarch64 --tag localhost/allocrun-test-aarch64 allocrun >"$BATS_TEST_TMPDIR/log" 2>&1 ||
    fails "images/build --machine aarch64" "success" "$(tail -n 5 "$BATS_TEST_TMPDIR/log")"
  expect_equal "machine" arm64 "$(podman image inspect --format '{{.Architecture}}' localhost/allocrun-test-aarch64)"
  mkdir "$BATS_TEST_TMPDIR/tree"
  container=$(podman create --pull=never --platform linux/arm64 localhost/allocrun-test-aarch64)
  podman export "$container" | tar -x -C "$BATS_TEST_TMPDIR/tree"
  podman rm "$container" >/dev/null
  podman rmi localhost/allocrun-test-aarch64 >/dev/null
  (cd "$BATS_TEST_TMPDIR/tree/opt/allocrun" && sha256sum -c --quiet SHA256SUMS)
  find "$BATS_TEST_TMPDIR/tree/opt/allocrun" -type f \( -path '*/bin/*' -o -name '*.so*' -o -name probe \) >"$BATS_TEST_TMPDIR/files"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/files")" -gt 8 ] || fails "ELF files" "the launcher and its builds" "$(cat "$BATS_TEST_TMPDIR/files")"
  expect_equal "machines" AArch64 "$(xargs -n1 readelf -h <"$BATS_TEST_TMPDIR/files" | sed -n 's/ *Machine: *//p' | sort -u)"
}

@test "image: a scanner finds every component in it" {
  podman save --format oci-archive --output "$BATS_TEST_TMPDIR/image.tar" "$image" 2>/dev/null
  SYFT_CHECK_FOR_APP_UPDATE=false attempt "$tools/syft" scan -q -o json --select-catalogers +sbom-cataloger "oci-archive:$BATS_TEST_TMPDIR/image.tar"
  expect_status 0
  for component in allocrun jemalloc mimalloc glibc inih jansson libcap libgcc openssl; do
    jq -e --arg name "$component" '.artifacts | any(.name == $name)' <<<"$out" >/dev/null || fails "syft" "$component" "$(jq -r '.artifacts[].name' <<<"$out" | paste -sd' ')"
  done
}

@test "Dockerfiles: hadolint finds nothing that has no reason" {
  # Whose version counts is said by --base: what the files name is an example.
  attempt "$tools/hadolint" --ignore DL3007 --ignore DL3006 "$root"/images/*/Dockerfile
  expect_status 0
  expect_out_is ""
  for file in "$root"/images/*/Dockerfile; do
    case $file in
      */allocrun/* | */vllm-cpu/*) continue ;;
    esac
    count=$(grep -cvE '^(#|ARG BASE|$)' "$file")
    [[ $count -ge 4 && $count -le 6 ]] || fails "$file" "4 to 6 lines over its base" "$count"
    expect_in "$file" "COPY --from=allocrun:$version /opt/allocrun /opt/allocrun" "$(cat "$file")"
  done
}

# valid VERSION FILE...: the validator ends with 0 even where it has no schema; its word counts.
valid() {
  local one
  for one in "${@:2}"; do
    attempt "$tools/kubernetes-validate" --strict -k "$1" "$root/images/kubernetes/$one"
    expect_status 0
    expect_equal "$one for $1: resources that passed" "$(grep -c '^kind:' "$root/images/kubernetes/$one")" "$(grep -c passed <<<"$out$err")"
  done
}

@test "Kubernetes: manifests are valid, strictly, for each version that they are for, and not before" {
  local release
  for release in 1.28 1.29 1.30 1.31 1.32 1.33 1.34 1.35 1.36 1.37; do
    valid "$release" deployment-entrypoint.yaml deployment-init.yaml node-audit.yaml
  done
  for release in 1.31 1.35 1.37; do
    valid "$release" deployment-image-volume.yaml
  done
  attempt "$tools/kubernetes-validate" --strict -k 1.30 "$root/images/kubernetes/deployment-image-volume.yaml"
  [ "$status" -ne 0 ] || fails "$ran" "a failure: 1.30 has no image volumes" "$(attempt_result)"
  for release in 1.36 1.37; do
    valid "$release" mutating-admission-policy.yaml
  done
}

@test "Kubernetes: what the manifests say to allocrun, allocrun understands" {
  # The policy of the node's audit, and each argument list of ours.
  "$tools/python" - "$root/images/kubernetes" "$BATS_TEST_TMPDIR" "$allocrun" <<'PYTHON'
import pathlib, subprocess, sys, yaml
folder, work, allocrun = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
seen = 0
for path in sorted(folder.glob("*.yaml")):
    for document in yaml.safe_load_all(path.read_text()):
        if document.get("kind") == "ConfigMap":
            policy = work / "policy.conf"
            policy.write_text(document["data"]["policy.conf"])
            subprocess.run([allocrun, "--explain", "--policy", policy], check=True, stdout=subprocess.DEVNULL)
            seen += 1
        spec = document.get("spec", {}).get("template", {}).get("spec", {})
        for one in spec.get("initContainers", []) + spec.get("containers", []):
            probe = one.get("startupProbe", {}).get("exec", {}).get("command", [])
            words = probe[1:] if probe else one.get("args", [])
            if words[:1] == ["--check"]:
                short = [w for i, w in enumerate(words) if w not in ("--every", "--output") and words[i - 1] not in ("--every", "--output")]
                status = subprocess.run([allocrun, *short], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                assert status.returncode < 4 and not status.stderr, (path, words, status)
                seen += 1
assert seen == 5, seen
PYTHON
}
