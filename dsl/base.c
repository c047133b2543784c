/* base.c: arenas, growing arrays, text buffers.
 *
 * In: sizes.  Out: memory that is zeroed, 16-byte aligned and owned by its arena; text that is NUL-terminated.
 * Invariant: after arena_reset() every byte handed out before reads 0xDD until it is handed out again.
 * Does not shrink: chunks live until arena_free().
 */
#include "base.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, ALIGN = 16, POISON = 0xDD };

typedef struct Chunk { struct Chunk *next; size_t cap, used; _Alignas(16) unsigned char mem[]; } Chunk;

struct Arena {
    Chunk   *head;      /* first chunk */
    Chunk   *cur;       /* chunk being filled; those after it are empty */
    jmp_buf *oom;
    Arena   *parent, *children, *sibling;
};

Arena *arena_new(void) { return calloc(1, sizeof(Arena)); }

static void unlink_child(Arena *a)
{
    Arena **p = &a->parent->children;
    while (*p != a) p = &(*p)->sibling;
    *p = a->sibling;
}

void arena_free(Arena *a)
{
    if (!a) return;
    while (a->children) arena_free(a->children);
    if (a->parent) unlink_child(a);
    for (Chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

void arena_reset(Arena *a)
{
    for (Chunk *c = a->head; c; c = c->next) {
        memset(c->mem, POISON, c->used);
        c->used = 0;
    }
    a->cur = a->head;
}

void arena_on_oom(Arena *a, jmp_buf *handler) { a->oom = handler; }

static _Noreturn void out_of_memory(Arena *a)
{
    if (a->oom) longjmp(*a->oom, 1);
    abort();
}

Arena *arena_child(Arena *parent)
{
    Arena *a = arena_new();
    if (!a) out_of_memory(parent);
    a->oom = parent->oom;
    a->parent = parent;
    a->sibling = parent->children;
    return parent->children = a;
}

static Chunk *new_chunk(Arena *a, size_t bytes)
{
    size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    if (cap > SIZE_MAX - sizeof(Chunk)) out_of_memory(a);
    Chunk *c = malloc(sizeof(Chunk) + cap);
    if (!c) out_of_memory(a);
    c->cap = cap;
    c->used = 0;
    return c;
}

/* The chunk that has `bytes` free, inserted after the current one when no later one fits. */
static Chunk *room_for(Arena *a, size_t bytes)
{
    if (!a->cur) {
        a->head = a->cur = new_chunk(a, bytes);
        a->cur->next = NULL;
    }
    while (a->cur->cap - a->cur->used < bytes) {
        Chunk *next = a->cur->next;
        if (!next || next->cap < bytes) {
            Chunk *c = new_chunk(a, bytes);
            c->next = next;
            a->cur->next = c;
        }
        a->cur = a->cur->next;
    }
    return a->cur;
}

void *arena_alloc(Arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGN) out_of_memory(a);
    size_t n = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    Chunk *c = room_for(a, n);
    void *p = c->mem + c->used;
    c->used += n;
    memset(p, 0, n);
    return p;
}

char *arena_strn(Arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    if (n) memcpy(p, s, n);
    return p;
}

char *arena_strf(Arena *a, const char *fmt, ...)
{
    va_list ap, aq;
    va_start(ap, fmt);
    va_copy(aq, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = arena_alloc(a, (n < 0 ? 0 : (size_t)n) + 1);
    if (n > 0) vsnprintf(p, (size_t)n + 1, fmt, aq);
    va_end(aq);
    return p;
}

void *arena_grow(Arena *a, void *p, uint32_t n, uint32_t *cap, size_t elem)
{
    if (n == *cap) {
        uint32_t want = *cap ? *cap * 2 : 8;
        if (want <= n) out_of_memory(a);
        void *q = arena_alloc(a, elem * want);
        if (n) memcpy(q, p, elem * n);
        *cap = want;
        p = q;
    }
    memset((char *)p + elem * n, 0, elem);
    return p;
}

bool str_eq(Str a, const char *b) { return a.n == strlen(b) && !memcmp(a.p, b, a.n); }

/* Room for n more bytes and a NUL. */
static bool buf_room(Buf *b, size_t n)
{
    if (b->failed) return false;
    if (b->cap - b->n > n) return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->n <= n) {
        if (cap > SIZE_MAX / 2) return !(b->failed = true);
        cap *= 2;
    }
    char *p = realloc(b->p, cap);
    if (!p) return !(b->failed = true);
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_put(Buf *b, const void *p, size_t n)
{
    if (!buf_room(b, n)) return;
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0;
}

void buf_puts(Buf *b, const char *s) { buf_put(b, s, strlen(s)); }

void buf_vprintf(Buf *b, const char *fmt, va_list ap)
{
    va_list aq;
    va_copy(aq, ap);
    int n = vsnprintf(NULL, 0, fmt, aq);
    va_end(aq);
    if (n < 0 || !buf_room(b, (size_t)n)) return;
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_free(Buf *b)
{
    free(b->p);
    memset(b, 0, sizeof *b);
}
