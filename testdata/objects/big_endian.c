// build: -target bpfeb
// Big-endian, with all that has a byte order: instructions, symbols, relocations, BTF and its records.
#include "firewall.c"
