// Programs that compute a number with kfuncs and callbacks, for the kernel and the sandbox to agree on.
#include "bpf_minimal.h"

#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define private(name) __attribute__((section(".bss." #name), visibility("hidden"), aligned(8)))
#define offset_of(type, member) __builtin_offsetof(type, member)
#define container(pointer, type, member) ((type *)((char *)(pointer) - offset_of(type, member)))
#define new(type) ((type *)bpf_obj_new_impl(__builtin_btf_type_id(*(type *)0, 0), 0))

struct bpf_spin_lock { __u32 val; };
struct bpf_list_head { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 opaque[3]; } __attribute__((aligned(8)));
struct bpf_rb_root { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_rb_node { __u64 opaque[4]; } __attribute__((aligned(8)));
struct bpf_refcount { __u32 opaque[1]; } __attribute__((aligned(4)));
struct bpf_dynptr { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_iter_num { __u64 opaque[1]; } __attribute__((aligned(8)));
struct bpf_iter_bits { __u64 opaque[2]; } __attribute__((aligned(8)));

static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static void *(*bpf_kptr_xchg)(void *place, void *pointer) = (void *)194;
static long (*bpf_dynptr_read)(void *to, __u32 size, struct bpf_dynptr *from, __u32 offset,
                               __u64 flags) = (void *)201;
static long (*bpf_dynptr_write)(struct bpf_dynptr *to, __u32 offset, void *from, __u32 size,
                                __u64 flags) = (void *)202;

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
                                    void *meta, __u64 offset) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node,
                                   void *meta, __u64 offset) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
                               _Bool(less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
                               void *meta, __u64 offset) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *bits, __u32 words) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *it) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *p) __ksym;
extern void *bpf_dynptr_slice(struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern void *bpf_dynptr_slice_rdwr(struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern int bpf_dynptr_adjust(struct bpf_dynptr *p, __u32 start, __u32 end) __ksym;
extern _Bool bpf_dynptr_is_null(struct bpf_dynptr *p) __ksym;
extern _Bool bpf_dynptr_is_rdonly(struct bpf_dynptr *p) __ksym;
extern __u32 bpf_dynptr_size(struct bpf_dynptr *p) __ksym;
extern int bpf_dynptr_clone(struct bpf_dynptr *p, struct bpf_dynptr *clone) __ksym;

static __u32 mix(__u32 hash, __u32 value) {
  return (hash << 5 | hash >> 27) * 31 + value;
}

struct visits {
  __u32 hash, stop;
};

static long visit(__u64 index, struct visits *visits) {
  visits->hash = mix(visits->hash, index);
  return index == visits->stop;
}

SEC("tc") int loops(struct __sk_buff *skb) {
  struct visits visits = {0, 7};
  __u32 hash = 0;
  hash = mix(hash, bpf_loop(5, visit, &visits, 0));
  hash = mix(hash, bpf_loop(50, visit, &visits, 0));
  hash = mix(hash, bpf_loop(0, visit, &visits, 0));
  hash = mix(hash, bpf_loop(skb->len, visit, &visits, 0));
  hash = mix(hash, bpf_loop(skb->len, visit, &visits, skb->len));
  hash = mix(hash, bpf_loop(0x800001, visit, &visits, 0));
  return mix(hash, visits.hash);
}

SEC("tc") int numbers(struct __sk_buff *skb) {
  const int bounds[][2] = {{0, 5}, {-3, 3}, {4, 4}, {5, 4}, {0, 0x800001}, {-2147483647, 2147483647}};
  __u32 hash = 0;
#pragma unroll
  for (int i = 0; i < 6; i++) {
    struct bpf_iter_num it;
    hash = mix(hash, bpf_iter_num_new(&it, bounds[i][0], bounds[i][1]));
    for (int *next, steps = 0; steps < 10 && (next = bpf_iter_num_next(&it)); steps++) hash = mix(hash, *next);
    bpf_iter_num_destroy(&it);
  }
  return hash;
}

SEC("tc") int bits(struct __sk_buff *skb) {
  __u64 words[3] = {0x8000000000000101, 0, 0x10};
  __u32 hash = 0;
#pragma unroll
  for (int count = 0; count < 4; count++) {
    struct bpf_iter_bits it;
    hash = mix(hash, bpf_iter_bits_new(&it, words, count));
    for (int *next, steps = 0; steps < 10 && (next = bpf_iter_bits_next(&it)); steps++) hash = mix(hash, *next);
    bpf_iter_bits_destroy(&it);
  }
  return hash;
}

struct item {
  struct bpf_list_node link;
  struct bpf_refcount references;
  __u32 value;
};

private(LIST) struct bpf_spin_lock list_lock;
private(LIST) struct bpf_list_head list __contains(item, link);

static __always_inline int add(__u32 value, int front) {
  struct item *item = new(struct item);
  if (!item) return -1;
  item->value = value;
  bpf_spin_lock(&list_lock);
  int status = front ? bpf_list_push_front_impl(&list, &item->link, 0, 0)
                     : bpf_list_push_back_impl(&list, &item->link, 0, 0);
  bpf_spin_unlock(&list_lock);
  return status;
}

static __always_inline __u32 take(__u32 hash, int front) {
  bpf_spin_lock(&list_lock);
  struct bpf_list_node *node = front ? bpf_list_pop_front(&list) : bpf_list_pop_back(&list);
  bpf_spin_unlock(&list_lock);
  if (!node) return mix(hash, 99);
  struct item *item = container(node, struct item, link);
  hash = mix(hash, item->value);
  bpf_obj_drop_impl(item, 0);
  return hash;
}

SEC("tc") int lists(struct __sk_buff *skb) {
  __u32 hash = take(0, 1);
  hash = mix(hash, add(1, 1));
  hash = mix(hash, add(2, 1));
  hash = mix(hash, add(3, 0));
  hash = mix(hash, add(4, 0));
  hash = take(hash, 1);
  hash = take(hash, 0);
  hash = take(hash, 0);
  hash = take(hash, 0);
  return take(hash, 0);
}

SEC("tc") int references(struct __sk_buff *skb) {
  __u32 hash = 0;
  struct item *item = new(struct item);
  if (!item) return -1;
  item->value = 5;
  struct item *other = bpf_refcount_acquire_impl(item, 0);
  if (!other) {
    bpf_obj_drop_impl(item, 0);
    return -2;
  }
  bpf_spin_lock(&list_lock);
  bpf_list_push_back_impl(&list, &item->link, 0, 0);
  bpf_spin_unlock(&list_lock);
  bpf_spin_lock(&list_lock);
  hash = mix(hash, bpf_list_push_back_impl(&list, &other->link, 0, 0));
  bpf_spin_unlock(&list_lock);
  hash = take(hash, 1);
  return take(hash, 1);
}

struct leaf {
  struct bpf_rb_node link;
  __u32 key;
};

private(TREE) struct bpf_spin_lock tree_lock;
private(TREE) struct bpf_rb_root tree __contains(leaf, link);

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) {
  return container(a, struct leaf, link)->key < container(b, struct leaf, link)->key;
}

SEC("tc") int trees(struct __sk_buff *skb) {
  const __u32 keys[] = {50, 20, 80, 10, 30, 70, 90, 60, 30, 5};
  __u32 hash = 0;
#pragma unroll
  for (int i = 0; i < 10; i++) {
    struct leaf *leaf = new(struct leaf);
    if (!leaf) return -1;
    leaf->key = keys[i];
    bpf_spin_lock(&tree_lock);
    hash = mix(hash, bpf_rbtree_add_impl(&tree, &leaf->link, less, 0, 0));
    bpf_spin_unlock(&tree_lock);
  }
#pragma unroll
  for (int i = 0; i < 11; i++) {
    bpf_spin_lock(&tree_lock);
    struct bpf_rb_node *node = bpf_rbtree_first(&tree);
    node = node ? bpf_rbtree_remove(&tree, node) : 0;
    bpf_spin_unlock(&tree_lock);
    if (!node) {
      hash = mix(hash, 99);
      continue;
    }
    struct leaf *leaf = container(node, struct leaf, link);
    hash = mix(hash, leaf->key);
    bpf_obj_drop_impl(leaf, 0);
  }
  return hash;
}

struct box {
  __u32 value;
};

struct holder {
  struct box __kptr *box;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct holder);
  __uint(max_entries, 1);
} holders SEC(".maps");

SEC("tc") int exchange(struct __sk_buff *skb) {
  __u32 hash = 0, zero = 0;
  struct holder *holder = bpf_map_lookup_elem(&holders, &zero);
  if (!holder) return -1;
#pragma unroll
  for (int i = 0; i < 3; i++) {
    struct box *box = new(struct box);
    if (!box) return -2;
    box->value = i + 7;
    struct box *old = bpf_kptr_xchg(&holder->box, box);
    if (old) {
      hash = mix(hash, old->value);
      bpf_obj_drop_impl(old, 0);
    } else hash = mix(hash, 99);
  }
  struct box *old = bpf_kptr_xchg(&holder->box, 0);
  if (old) {
    hash = mix(hash, old->value);
    bpf_obj_drop_impl(old, 0);
  }
  return hash;
}

SEC("tc") int dynptrs(struct __sk_buff *skb) {
  struct bpf_dynptr packet, view;
  __u8 buffer[16] = {0};
  __u32 hash = 0;
  hash = mix(hash, bpf_dynptr_from_skb(skb, 0, &packet));
  hash = mix(hash, bpf_dynptr_size(&packet));
  hash = mix(hash, bpf_dynptr_is_rdonly(&packet));
  hash = mix(hash, bpf_dynptr_clone(&packet, &view));
  hash = mix(hash, bpf_dynptr_adjust(&view, 10, 30));
  hash = mix(hash, bpf_dynptr_adjust(&view, 21, 21));
  hash = mix(hash, bpf_dynptr_adjust(&view, 5, 4));
  hash = mix(hash, bpf_dynptr_size(&view));
  hash = mix(hash, bpf_dynptr_write(&view, 2, "abcd", 4, 0));
  hash = mix(hash, bpf_dynptr_write(&view, 17, "abcd", 4, 0));
  hash = mix(hash, bpf_dynptr_read(buffer, 16, &packet, 8, 0));
  hash = mix(hash, bpf_dynptr_read(buffer, 16, &view, 5, 0));
  hash = mix(hash, *(__u32 *)(buffer + 4));
  __u8 *slice = bpf_dynptr_slice(&view, 1, buffer, 8);
  if (slice) hash = mix(hash, slice[3] + slice[7]);
  slice = bpf_dynptr_slice(&view, 13, buffer, 8);
  hash = mix(hash, slice != 0);
  slice = bpf_dynptr_slice_rdwr(&view, 0, buffer, 8);
  if (slice) slice[0] = 0x42;
  hash = mix(hash, bpf_dynptr_from_skb(skb, 1, &view));
  return mix(hash, bpf_dynptr_is_null(&view));
}

char _license[] SEC("license") = "GPL";
