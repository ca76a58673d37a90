"""Runs PTX on the CPU: translation to C++, compilation, launches."""
