#!/bin/sh
# unpack-from-sid.sh <target> <keyring> <mirror> <package> <series> <program>
# Unpacks a package and all that it depends on into a folder. Apt works on files of its own there: it takes an empty
# system as given, so libc comes, too. The folder gets its name last: what has the name is complete and has run.
set -eu
target=$1 keyring=$2 mirror=$3 package=$4 series=$5 program=$6

# Who waited for the lock finds that the other has done it.
if [ -e "$target" ]; then exit; fi

umask 022
work=$target.partial
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/empty" "$work/root"
: > "$work/status"
echo "deb [signed-by=$keyring] $mirror sid main" > "$work/sources.list"

apt() {
  apt-get --quiet --yes -o Acquire::Retries=3 \
    -o Dir::State="$work" -o Dir::State::status="$work/status" -o Dir::State::lists="$work/lists" \
    -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives" \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/empty" \
    -o Dir::Etc::preferences="$work/none" -o Dir::Etc::preferencesparts="$work/empty" \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}
apt --error-on=any update
apt --no-install-recommends --download-only install "$package=$series.*"

for deb in "$work"/archives/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
libraries=$(echo "$work"/root/usr/lib/*-linux-gnu*)
"$libraries"/ld-linux*.so.* --library-path "$libraries" "$work/root/$program" --version

mv "$work/root" "$target"
