/* base.h: what every room of the compiler shares: arenas, strings, growing arrays, text buffers.
 *
 * An Arena owns everything allocated from it and is freed as a whole; arena_reset() poisons what it held, so that a
 * pointer kept too long fails at once.  There are no globals.  When memory runs out, arena_alloc() jumps to the
 * handler set by arena_on_oom() (the pipeline sets one); it never returns NULL.
 */
#ifndef LGR_DSL_BASE_H
#define LGR_DSL_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

Arena *arena_new(void);                                  /* NULL when memory is out */
Arena *arena_child(Arena *parent);                       /* a shorter life, the same handler; freed with its parent at the latest */
void   arena_free(Arena *a);
void   arena_reset(Arena *a);                            /* poisons, keeps the chunks */
void   arena_on_oom(Arena *a, jmp_buf *handler);
void  *arena_alloc(Arena *a, size_t bytes);              /* zeroed, 16-byte aligned */
char  *arena_strn(Arena *a, const char *s, size_t n);    /* NUL-terminated copy */
char  *arena_strf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, T)        ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n)   ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* Growing array in an arena: `T *p; uint32_t n, cap;` as three lvalues. ARENA_PUSH gives a zeroed new last element's address. */
void *arena_grow(Arena *a, void *p, uint32_t n, uint32_t *cap, size_t elem);
#define ARENA_PUSH(a, p, n, cap) \
    ((p) = arena_grow((a), (p), (n), &(cap), sizeof *(p)), &(p)[(n)++])

/* A slice of text that someone else owns. */
typedef struct Str { const char *p; size_t n; } Str;
bool str_eq(Str a, const char *b);

/* A text buffer on the heap; buf_free() when done. A failed allocation sets `failed` and later writes are dropped. */
typedef struct Buf { char *p; size_t n, cap; bool failed; } Buf;
void buf_put(Buf *b, const void *p, size_t n);
void buf_puts(Buf *b, const char *s);
void buf_printf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(Buf *b, const char *fmt, va_list ap);
void buf_free(Buf *b);

#endif
