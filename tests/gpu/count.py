#!/usr/bin/env python3
"""The GPUs that the CUDA driver gives to this process, by its environment: a UUID a line."""
import ctypes
import uuid

CUDA_ERROR_NO_DEVICE = 100
CUDA_ERROR_INVALID_DEVICE = 101  # the same GPU twice: no program gets any

cuda = ctypes.CDLL("libcuda.so.1")
status = cuda.cuInit(0)
if status not in (0, CUDA_ERROR_NO_DEVICE, CUDA_ERROR_INVALID_DEVICE):
    raise SystemExit(f"cuInit: error {status}")
count = ctypes.c_int(0)
if status == 0:
    cuda.cuDeviceGetCount(ctypes.byref(count))
for index in range(count.value):
    text = ctypes.create_string_buffer(16)
    cuda.cuDeviceGetUuid_v2(text, index)
    print(f"GPU-{uuid.UUID(bytes=text.raw)}")
