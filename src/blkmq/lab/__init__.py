# SPDX-License-Identifier: MIT
"""The lab: kernels that this machine does not run, each booted in a virtual machine with this machine's own files."""
