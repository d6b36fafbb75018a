#!/usr/bin/env python3
"""The software bill of materials of a tree that is about to be shipped.

    launcher/package/sbom.py --name NAME --linked FILE TREE

NAME is that of the package, FILE what launcher/package/linked printed. Prints SPDX 2.3 as
JSON: every file with its checksums, the sources that each allocator build comes from, the
libraries that are linked into the launcher, and the file that has each one's licence. The
same tree and SOURCE_DATE_EPOCH give the same bytes.
"""

import argparse
import configparser
import datetime
import hashlib
import json
import os
import pathlib
import re
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
# Inside the tree, and made after the bill or by it.
NOT_LISTED = {"SHA256SUMS", "share/doc/allocrun/allocrun.spdx.json"}
LICENCES = "share/doc/allocrun/licenses"
NONE = "NOASSERTION"
LAUNCHER = "bin/allocrun"


def spdx_id(kind, name):
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]+", "-", name)


def version():
    text = (REPO / "launcher/version.h").read_text(encoding="utf-8")
    return re.search(r'ALLOCRUN_VERSION "(.*)"', text).group(1)


def source_lock():
    """sources.lock: what each allocator is built from."""
    lock = configparser.ConfigParser(interpolation=None)
    lock.read(REPO / "allocator/sources.lock", encoding="utf-8")
    return lock


def files_of(tree):
    return sorted(
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink() and path.relative_to(tree).as_posix() not in NOT_LISTED
    )


def describe_file(tree, name):
    data = (tree / name).read_bytes()
    return {
        "SPDXID": spdx_id("File", name),
        "fileName": "./" + name,
        "fileTypes": ["BINARY" if data.startswith(b"\x7fELF") else "TEXT"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
        ],
        "licenseConcluded": NONE,
        "licenseInfoInFiles": [NONE],
        "copyrightText": NONE,
    }


def verification_code(files):
    """SPDX 2.3, 7.9: the SHA1 of the sorted SHA1s of all files."""
    sums = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def package(name, package_version, licence, licence_file, **more):
    """A package whose own files are not listed; its licence is a file of the tree."""
    return {
        "SPDXID": spdx_id("Package", f"{name}-{package_version}"),
        "name": name,
        "versionInfo": package_version,
        "downloadLocation": NONE,
        "filesAnalyzed": False,
        "licenseConcluded": NONE,
        "licenseDeclared": licence,
        "licenseComments": f"text: {licence_file}",
        "copyrightText": NONE,
        **more,
    }


def purl(locator):
    return [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}]


def allocator_package(build, lock):
    """The sources that a build of the manifest was made from."""
    source = lock[build["allocator"]]
    folder = "" if source["subdir"] == "." else f", in {source['subdir']} of the archive"
    return package(
        build["allocator"], build["version"], build["licence"], build["licence_file"],
        packageFileName=source["file"],
        checksums=[{"algorithm": "SHA256", "checksumValue": build["source_sha256"]}],
        sourceInfo=f"from {source['upstream']}{folder}",
        externalRefs=purl(f"pkg:generic/{build['allocator']}@{build['version']}"),
    )


def linked_packages(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        name, licence, binary, source, linked_version, _ = line.split("\t")
        yield package(
            name, linked_version, licence, f"{LICENCES}/{name}.txt",
            sourceInfo=f"Debian package {binary}, source package {source}",
            externalRefs=purl(f"pkg:deb/debian/{source}@{linked_version.replace(':', '%3A')}?arch=source"),
        )


def relate(element, kind, other):
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": other}


def build_comment(build):
    """What the manifest knows of a build and SPDX has no field for."""
    known = ("id", "machine", "libc", "min_glibc", "page_size", "build_id", "compiler", "flags")
    return "; ".join(f"{key}: {build[key]}" for key in known if build.get(key) not in (None, ""))


def bill(name, tree, linked):
    manifest = json.loads((tree / "lib/allocrun/manifest.json").read_text(encoding="utf-8"))
    lock = source_lock()
    files = [describe_file(tree, path) for path in files_of(tree)]
    by_name = {f["fileName"][2:]: f for f in files}
    own = package("allocrun", version(), "Apache-2.0", f"{LICENCES}/allocrun.txt") | {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": verification_code(files)},
        "licenseInfoFromFiles": [NONE],
        "primaryPackagePurpose": "APPLICATION",
    }
    packages = {own["SPDXID"]: own}
    relationships = [relate("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    relationships += [relate(own["SPDXID"], "CONTAINS", f["SPDXID"]) for f in files]

    for build in manifest["builds"]:
        library = by_name["lib/allocrun/" + build["file"]]
        if library["checksums"][1]["checksumValue"] != build["sha256"]:
            sys.exit(f"sbom: {build['file']} is not the library that the manifest names")
        source = allocator_package(build, lock)
        packages[source["SPDXID"]] = source
        library["comment"] = build_comment(build)
        library["licenseInfoInFiles"] = [build["licence"]]
        relationships.append(relate(library["SPDXID"], "GENERATED_FROM", source["SPDXID"]))
    for component in linked_packages(linked):
        packages[component["SPDXID"]] = component
        relationships.append(relate(by_name[LAUNCHER]["SPDXID"], "STATIC_LINK", component["SPDXID"]))

    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        # Unique for these contents, as the specification wants it.
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{verification_code(files)}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: allocrun-sbom-{version()}"],
        },
        "documentDescribes": [own["SPDXID"]],
        "packages": list(packages.values()),
        "files": files,
        "relationships": relationships,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--linked", required=True, type=pathlib.Path)
    parser.add_argument("tree", type=pathlib.Path)
    args = parser.parse_args()
    json.dump(bill(args.name, args.tree, args.linked), sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
