// The types that core.c meets: fields moved, resized, nested and removed.
#include "bpf_minimal.h"

struct peer {
  __u64 zone;
  __u64 id;
};

struct task {
  __u64 cookie;
  union {
    __u64 raw;
    struct {
      __u32 unused;
      struct {
        __u64 start;
      } __attribute__((packed));
    } __attribute__((packed));
  };
  __u64 pid;
  char comm[16];
  __u32 pad : 5;
  __s32 nice : 9;
  __s64 delta;
  struct peer *parent;
  struct peer peers[4];
};

enum color { GREEN = -7, BLUE = 8 };
enum wide { HUGE = 0x200000003ULL };
struct exact {
  long before;
  struct peer *peer;
  int x;
};
typedef int (*handler)(struct task *, int);
struct twice {
  int a, b;
};
struct twice___wider {
  long a;
  int b;
};

struct task task;
enum color color;
enum wide wide;
struct exact exact;
handler handle;
struct twice twice;
struct twice___wider wider;
