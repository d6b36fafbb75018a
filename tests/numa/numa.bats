#!/usr/bin/env bats
# What the guests proved: a test for each group of each pair. The guests are booted once, by
# setup_suite.bash; what they said is in build/numa/results.

load helpers

@test "each group of each pair has a test here" {
  awk '!/^#/ && NF { print $1 " guest"; for (i = 4; i <= NF; i++) print $1 " " $i }' "$BATS_TEST_DIRNAME/pairs" |
    sort >"$BATS_TEST_TMPDIR/pairs"
  sed -n 's/^@test .* { proved \(.*\); }$/\1/p' "$BATS_TEST_FILENAME" | sort >"$BATS_TEST_TMPDIR/tests"
  diff "$BATS_TEST_TMPDIR/pairs" "$BATS_TEST_TMPDIR/tests"
}


@test "5.10-two-nodes: the guest comes to its end" { proved 5.10-two-nodes guest; }
@test "5.10-two-nodes: topology" { proved 5.10-two-nodes topology; }
@test "5.10-two-nodes: placement" { proved 5.10-two-nodes placement; }
@test "5.10-two-nodes: pool" { proved 5.10-two-nodes pool; }
@test "5.10-two-nodes: degraded" { proved 5.10-two-nodes degraded; }
@test "5.10-two-nodes: gpu" { proved 5.10-two-nodes gpu; }
@test "5.10-two-nodes: thp" { proved 5.10-two-nodes thp; }
@test "5.10-two-nodes: check" { proved 5.10-two-nodes check; }
@test "5.10-two-nodes: tune" { proved 5.10-two-nodes tune; }
@test "5.10-two-nodes: capture" { proved 5.10-two-nodes capture; }

@test "6.1-one-node: the guest comes to its end" { proved 6.1-one-node guest; }
@test "6.1-one-node: topology" { proved 6.1-one-node topology; }
@test "6.1-one-node: one-node" { proved 6.1-one-node one-node; }
@test "6.1-one-node: peaks" { proved 6.1-one-node peaks; }
@test "6.1-one-node: thp" { proved 6.1-one-node thp; }
@test "6.1-one-node: check" { proved 6.1-one-node check; }
@test "6.1-one-node: tune" { proved 6.1-one-node tune; }
@test "6.1-one-node: capture" { proved 6.1-one-node capture; }

@test "6.1-memory-only: the guest comes to its end" { proved 6.1-memory-only guest; }
@test "6.1-memory-only: topology" { proved 6.1-memory-only topology; }
@test "6.1-memory-only: placement" { proved 6.1-memory-only placement; }
@test "6.1-memory-only: memory-only" { proved 6.1-memory-only memory-only; }
@test "6.1-memory-only: gpu" { proved 6.1-memory-only gpu; }
@test "6.1-memory-only: cpuset" { proved 6.1-memory-only cpuset; }
@test "6.1-memory-only: check" { proved 6.1-memory-only check; }
@test "6.1-memory-only: tune" { proved 6.1-memory-only tune; }
@test "6.1-memory-only: capture" { proved 6.1-memory-only capture; }

@test "6.12-two-nodes: the guest comes to its end" { proved 6.12-two-nodes guest; }
@test "6.12-two-nodes: topology" { proved 6.12-two-nodes topology; }
@test "6.12-two-nodes: placement" { proved 6.12-two-nodes placement; }
@test "6.12-two-nodes: gpu" { proved 6.12-two-nodes gpu; }
@test "6.12-two-nodes: cpuset" { proved 6.12-two-nodes cpuset; }
@test "6.12-two-nodes: full" { proved 6.12-two-nodes full; }
@test "6.12-two-nodes: thp" { proved 6.12-two-nodes thp; }
@test "6.12-two-nodes: check" { proved 6.12-two-nodes check; }
@test "6.12-two-nodes: tune" { proved 6.12-two-nodes tune; }
@test "6.12-two-nodes: capture" { proved 6.12-two-nodes capture; }

@test "6.12-four-nodes: the guest comes to its end" { proved 6.12-four-nodes guest; }
@test "6.12-four-nodes: topology" { proved 6.12-four-nodes topology; }
@test "6.12-four-nodes: placement" { proved 6.12-four-nodes placement; }
@test "6.12-four-nodes: pool" { proved 6.12-four-nodes pool; }
@test "6.12-four-nodes: gpu" { proved 6.12-four-nodes gpu; }
@test "6.12-four-nodes: check" { proved 6.12-four-nodes check; }
@test "6.12-four-nodes: tune" { proved 6.12-four-nodes tune; }
@test "6.12-four-nodes: capture" { proved 6.12-four-nodes capture; }

@test "6.12-no-memory: the guest comes to its end" { proved 6.12-no-memory guest; }
@test "6.12-no-memory: topology" { proved 6.12-no-memory topology; }
@test "6.12-no-memory: placement" { proved 6.12-no-memory placement; }
@test "6.12-no-memory: no-memory" { proved 6.12-no-memory no-memory; }
@test "6.12-no-memory: check" { proved 6.12-no-memory check; }
@test "6.12-no-memory: tune" { proved 6.12-no-memory tune; }
@test "6.12-no-memory: capture" { proved 6.12-no-memory capture; }

@test "6.12-many-cpus: the guest comes to its end" { proved 6.12-many-cpus guest; }
@test "6.12-many-cpus: topology" { proved 6.12-many-cpus topology; }
@test "6.12-many-cpus: placement" { proved 6.12-many-cpus placement; }
@test "6.12-many-cpus: check" { proved 6.12-many-cpus check; }
@test "6.12-many-cpus: tune" { proved 6.12-many-cpus tune; }
@test "6.12-many-cpus: capture" { proved 6.12-many-cpus capture; }

@test "new-two-nodes: the guest comes to its end" { proved new-two-nodes guest; }
@test "new-two-nodes: topology" { proved new-two-nodes topology; }
@test "new-two-nodes: placement" { proved new-two-nodes placement; }
@test "new-two-nodes: gpu" { proved new-two-nodes gpu; }
@test "new-two-nodes: cpuset" { proved new-two-nodes cpuset; }
@test "new-two-nodes: full" { proved new-two-nodes full; }
@test "new-two-nodes: thp" { proved new-two-nodes thp; }
@test "new-two-nodes: check" { proved new-two-nodes check; }
@test "new-two-nodes: tune" { proved new-two-nodes tune; }
@test "new-two-nodes: capture" { proved new-two-nodes capture; }

@test "new-memory-only: the guest comes to its end" { proved new-memory-only guest; }
@test "new-memory-only: topology" { proved new-memory-only topology; }
@test "new-memory-only: placement" { proved new-memory-only placement; }
@test "new-memory-only: memory-only" { proved new-memory-only memory-only; }
@test "new-memory-only: gpu" { proved new-memory-only gpu; }
@test "new-memory-only: check" { proved new-memory-only check; }
@test "new-memory-only: tune" { proved new-memory-only tune; }
@test "new-memory-only: capture" { proved new-memory-only capture; }

@test "new-holes: the guest comes to its end" { proved new-holes guest; }
@test "new-holes: topology" { proved new-holes topology; }
@test "new-holes: placement" { proved new-holes placement; }
@test "new-holes: holes" { proved new-holes holes; }
@test "new-holes: check" { proved new-holes check; }
@test "new-holes: tune" { proved new-holes tune; }
@test "new-holes: capture" { proved new-holes capture; }

@test "new-huge-pages: the guest comes to its end" { proved new-huge-pages guest; }
@test "new-huge-pages: topology" { proved new-huge-pages topology; }
@test "new-huge-pages: preload" { proved new-huge-pages preload; }
@test "new-huge-pages: huge-pages" { proved new-huge-pages huge-pages; }
@test "new-huge-pages: pool-huge" { proved new-huge-pages pool-huge; }
@test "new-huge-pages: tune" { proved new-huge-pages tune; }
@test "new-huge-pages: capture" { proved new-huge-pages capture; }

@test "new-thp-words: the guest comes to its end" { proved new-thp-words guest; }
@test "new-thp-words: boot" { proved new-thp-words boot; }

@test "new-thp-broken: the guest comes to its end" { proved new-thp-broken guest; }
@test "new-thp-broken: boot" { proved new-thp-broken boot; }

@test "arm64-two-nodes: the guest comes to its end" { proved arm64-two-nodes guest; }
@test "arm64-two-nodes: topology" { proved arm64-two-nodes topology; }
@test "arm64-two-nodes: placement" { proved arm64-two-nodes placement; }
@test "arm64-two-nodes: preload" { proved arm64-two-nodes preload; }
@test "arm64-two-nodes: thp" { proved arm64-two-nodes thp; }
@test "arm64-two-nodes: check" { proved arm64-two-nodes check; }
@test "arm64-two-nodes: tune" { proved arm64-two-nodes tune; }
@test "arm64-two-nodes: capture" { proved arm64-two-nodes capture; }

@test "arm64-16k-two-nodes: the guest comes to its end" { proved arm64-16k-two-nodes guest; }
@test "arm64-16k-two-nodes: topology" { proved arm64-16k-two-nodes topology; }
@test "arm64-16k-two-nodes: placement" { proved arm64-16k-two-nodes placement; }
@test "arm64-16k-two-nodes: pool" { proved arm64-16k-two-nodes pool; }
@test "arm64-16k-two-nodes: preload" { proved arm64-16k-two-nodes preload; }
@test "arm64-16k-two-nodes: thp" { proved arm64-16k-two-nodes thp; }
@test "arm64-16k-two-nodes: check" { proved arm64-16k-two-nodes check; }
@test "arm64-16k-two-nodes: tune" { proved arm64-16k-two-nodes tune; }
@test "arm64-16k-two-nodes: capture" { proved arm64-16k-two-nodes capture; }
