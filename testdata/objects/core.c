// Every kind of CO-RE relocation, to be relocated to the types of core_target.c.
#include "bpf_minimal.h"

struct peer {
  __u32 id;
} __core;

struct task___old {
  __u32 pid;
  char comm[16];
  __s32 nice : 7;
  __u32 gone;
  __s32 delta;
  union {
    struct {
      __u64 start;
    };
  };
  struct peer *parent;
  struct peer peers[4];
} __core;

enum color { RED = 1, GREEN = 2, MAUVE = 9 };
enum wide___x { HUGE___x = 0x100000000ULL };
struct missing {
  int x;
};
struct exact {
  int x;
  struct peer *peer;
};
typedef int (*handler)(struct task___old *, int);
struct twice {
  int a, b;
} __core;

// A structure of the running kernel.
struct task_struct {
  int tgid;
} __core;

int accesses(struct task___old *task, volatile __u64 *out) {
  out[0] = task->pid;
  out[1] = task->comm[3];
  out[2] = task->start;
  out[3] = task->parent->id;
  out[4] = task->peers[2].id;
  task->start = 5;
  return 0;
}

int poisoned(struct task___old *task, volatile __u64 *out) {
  out[0] = task->gone;
  out[1] = task->delta;
  return 0;
}

int fields(struct task___old *task, volatile __u64 *out) {
  out[0] = __builtin_preserve_field_info(task->pid, 0);
  out[1] = __builtin_preserve_field_info(task->pid, 1);
  out[2] = __builtin_preserve_field_info(task->pid, 2);
  out[3] = __builtin_preserve_field_info(task->gone, 2);
  out[4] = __builtin_preserve_field_info(task->delta, 3);
  out[5] = __builtin_preserve_field_info(task->pid, 3);
  out[6] = __builtin_preserve_field_info(task->nice, 0);
  out[7] = __builtin_preserve_field_info(task->nice, 1);
  out[8] = __builtin_preserve_field_info(task->nice, 3);
  out[9] = __builtin_preserve_field_info(task->nice, 4);
  out[10] = __builtin_preserve_field_info(task->nice, 5);
  out[11] = __builtin_preserve_field_info(task->gone, 0);
  out[12] = __builtin_preserve_field_info(task->comm, 1);
  return 0;
}

int types(volatile __u64 *out) {
  out[0] = __builtin_btf_type_id(*(struct peer *)0, 0);
  out[1] = __builtin_btf_type_id(*(struct peer *)0, 1);
  out[2] = __builtin_preserve_type_info(*(struct task___old *)0, 0);
  out[3] = __builtin_preserve_type_info(*(struct missing *)0, 0);
  out[4] = __builtin_preserve_type_info(*(struct task___old *)0, 1);
  out[5] = __builtin_preserve_type_info(*(struct missing *)0, 1);
  out[6] = __builtin_preserve_type_info(*(struct exact *)0, 2);
  out[7] = __builtin_preserve_type_info(*(struct task___old *)0, 2);
  out[8] = __builtin_preserve_type_info(*(handler *)0, 0);
  return 0;
}

int values(volatile __u64 *out) {
  out[0] = __builtin_preserve_enum_value(*(enum color *)GREEN, 0);
  out[1] = __builtin_preserve_enum_value(*(enum color *)MAUVE, 0);
  out[2] = __builtin_preserve_enum_value(*(enum color *)GREEN, 1);
  out[3] = __builtin_preserve_enum_value(*(enum wide___x *)HUGE___x, 1);
  out[4] = __builtin_preserve_enum_value(*(enum color *)MAUVE, 1);
  return 0;
}

int ambiguous(struct twice *twice) { return twice->b; }

int kernel_offset(void *context) {
  struct task_struct *task = 0;
  return __builtin_preserve_field_info(task->tgid, 0);
}
