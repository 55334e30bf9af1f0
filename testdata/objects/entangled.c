// Functions that cannot be told apart: one runs into the next, and one jumps into the middle of another.
asm(".section socket,\"ax\",@progbits\n"
    ".globl alone\n.type alone,@function\nalone:\n"
    "  r0 = 1\n  exit\n.size alone, .-alone\n"
    ".globl first\n.type first,@function\nfirst:\n"
    "  r0 = 2\n  if r1 == 0 goto middle\n.size first, .-first\n"
    ".globl second\n.type second,@function\nsecond:\n"
    "  r0 = 3\nmiddle:\n  r0 += 1\n  exit\n.size second, .-second\n"
    ".globl caller\n.type caller,@function\ncaller:\n"
    "  call alone\n  exit\n.size caller, .-caller\n");

char _license[] __attribute__((section("license"), used)) = "GPL";
