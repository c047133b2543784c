/* pack.h: writes packs (runtime/lgk.h) from what the compiler made.
 *
 * Records go in nested order: a kernel, its instances, each with its targets, each with its variants, most special first.
 * The same calls give the same bytes.
 */
#ifndef LGR_PACK_H
#define LGR_PACK_H
#include "lgk.h"
#include "lower.h"
#include "sema.h"

typedef struct PackWriter PackWriter;

PackWriter *pack_new(Arena *a);
/* fn: the kernel under any binding (dims, scalars and shapes do not depend on it). source: the spec's text, from which more can be compiled, or NULL. */
void     pack_kernel(PackWriter *w, const SemaOp *op, uint32_t kernel, const TirFn *fn, const char *source);
/* Options that b leaves open are matched by any choice, and the call's choice is passed to the code. */
void     pack_instance(PackWriter *w, const SemaBinding *b, const TirFn *fn);
/* fn: the whole kernel. */
void     pack_target(PackWriter *w, const Target *t, LgkCodeKind kind, uint32_t nest, const TirFn *fn);
uint32_t pack_code(PackWriter *w, LgkCodeKind kind, const void *bytes, size_t size);
/* entry: host offsets by launch, or NULL. */
void     pack_variant(PackWriter *w, const Sched *s, const LowKernel *k, uint32_t code, const uint32_t *entry, int registers, int spills);
void     pack_finish(PackWriter *w, Buf *out);

/* The typed C header of one op, from a pack as pack_finish() wrote it (8-byte aligned); false when the pack has no such op. */
bool     pack_header(const void *pack, const char *op, Buf *out);

/* A pack as text to read. plan: only what is decided before code is made, the same on every machine. */
void     pack_manifest(const void *pack, bool plan, Arena *a, Buf *out);

#endif
