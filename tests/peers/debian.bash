# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts beside this one get from Debian's archive, without installing anything.

# debian_sources DIR: apt's options for the sources of packages, from the machine's own places, into apt_options.
debian_sources() {
	local dir=$1 file
	mkdir -p "$dir/apt/parts" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$file" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$dir/apt/parts/${file##*/}"
	done
	[ ! -f "$dir/apt/parts/sources.list" ] || mv "$dir/apt/parts/sources.list" "$dir/apt/parts/main.list"
	apt_options=(-o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$dir/apt/parts" -o "Dir::State::lists=$dir/apt/lists"
		-o "Dir::Cache=$dir/apt/cache" -o "APT::Sandbox::User=root" -qq)
	apt-get "${apt_options[@]}" update
}
