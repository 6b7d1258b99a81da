#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A sample of tests/corpus, whose seed is printed (all of it: make check-corpus).
load helpers

corpus() { TMPDIR=$T timeout -k 5 110 "$CMK_TEST_STAGE/tests/corpus/run.py" "$@"; }

sample() { # REGEX COUNT: of the groups that fit
	local count=$2
	[ -z "${CMK_TEST_SANITIZED:-}" ] || count=$((count / 4))
	corpus --only "$1" --sample "$count" --seed "${CMK_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}"
}

# bats test_tags=long
@test "hostile names, links, whiteouts and entries that come again" { sample '^(name|link|hard|again|whiteout)/' 30; }

# bats test_tags=long
@test "hostile headers, attributes, sparse files and layers that are cut short" { sample '^(field|special|cut|pax|gnu|xattr|sparse)/' 30; }

@test "hostile compression" { sample '^compressed/' 20; }

@test "hostile images in files" { sample '^(docker|outer|oci|dir)/' 30; }

@test "the corpus names each of its cases once" {
	corpus --list --seed 1 >list
	assert [ "$(wc -l <list)" -gt 1500 ]
	assert_equal "$(cut -f 1 list | sort | uniq -d)" ""
}
