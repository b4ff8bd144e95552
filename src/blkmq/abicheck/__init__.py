# SPDX-License-Identifier: MIT
"""What the kernel's glue expects of a kernel's C API, and whether a kernel has it: by its headers, and by its BTF."""
