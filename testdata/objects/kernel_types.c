// Types that stand for a kernel's: a program finds structures of them where its arguments and its task point to.
#include "bpf_minimal.h"

struct list_head {
  struct list_head *next, *prev;
};

struct cred {
  __u32 uid, gid, euid;
};

struct dentry {
  struct dentry *d_parent;
  __u32 d_flags;
};

struct file {
  struct {
    void *mnt;
    struct dentry *dentry;
  } f_path;
  union {
    struct dentry *left_alone;
    __u64 number;
  };
};

struct mm_struct {
  struct file *exe_file;
  struct task_struct *owner;
};

struct unknown;

struct task_struct {
  __u64 state;
  struct mm_struct *mm;
  __s32 pid, tgid;
  struct task_struct *real_parent;
  struct list_head children;
  const struct cred *cred;
  char comm[16];
  struct file *files[20];
  struct unknown *unknown;
  char *text;
  __u64 bits : 4;
};

typedef void (*btf_trace_sched_switch)(void *data, bool preempt, struct task_struct *previous,
                                       struct task_struct *next);

// The compiler describes only what is used as it is.
struct task_struct some_task;
struct mm_struct some_memory;
struct file some_file;
struct dentry some_entry;
struct cred some_credentials;
btf_trace_sched_switch handler;

__noinline int bpf_lsm_file_open(struct file *file, int mask) {
  return file != 0 && mask;
}

SEC("tp_btf/sched_switch") int on_switch(__u64 *ctx) {
  struct task_struct *next = (void *)ctx[2];
  return ctx[0] == 0 && next->real_parent == next && next->mm->owner == next && next->pid == 0;
}

SEC("lsm/file_open") int on_open(__u64 *ctx) {
  struct file *file = (void *)ctx[0];
  struct dentry *dentry = file->f_path.dentry;
  return dentry->d_parent == dentry;
}

SEC("tp_btf/nothing") int on_nothing(__u64 *ctx) {
  return ctx[0] == 0;
}

static struct task_struct *(*bpf_get_current_task)(void) = (void *)35;

SEC("kprobe/anything") int on_call(void *ctx) {
  struct task_struct *task = bpf_get_current_task();
  struct list_head *children = &task->children;
  if (children->next != children || children->prev != children) return 1;
  if (task->unknown || task->text || task->files[9]) return 2;
  if (task->files[0] != task->mm->exe_file || task->mm->exe_file->number) return 3;
  return task->pid << 16 | task->cred->uid << 8 | task->comm[2];
}

char _license[] SEC("license") = "GPL";
