// An indirect jump as clang 22 emits it: `.jumptables` holds offsets in bytes from the start of the code's section, and
// no relocation covers them. The function behind one that grows must find its entries moved. A call stands for `gotox r2`,
// which clang 19 lacks; the test puts it in.
asm(".section socket,\"ax\",@progbits\n"
    ".globl before\n.type before,@function\nbefore:\n"
    "  r0 = 1\n  r0 += 2\n  exit\n.size before, .-before\n"
    ".globl choose\n.type choose,@function\nchoose:\n"
    ".pushsection .jumptables,\"\",@progbits\n"
    ".globl table\n.type table,@object\ntable:\n"
    "  .quad first - before\n  .quad second - before\n.size table, .-table\n"
    ".popsection\n"
    "  r0 = 0\n  r2 = table ll\n  r2 += 8\n  r2 = *(u64 *)(r2 + 0)\n"
    "  call 0\n"
    "first:\n  r0 = 3\n  exit\n"
    "second:\n  r0 = 4\n  exit\n.size choose, .-choose\n");

char _license[] __attribute__((section("license"), used)) = "GPL";
