/* prove.h: what the proofs of lgr_prove share. A proof goes over trials: each kernel of the pack, under each binding that the pack serves, at each shape. */
#ifndef LGR_PROVE_H
#define LGR_PROVE_H
#include "trial.h"

enum { PROVE_MAX_SHAPES = 256, PROVE_MAX_PACKS = 4 };

typedef struct Proof {
    Measure m;
    const char *pack[PROVE_MAX_PACKS]; int npacks;
    const char *compiler;             /* lgr_config.compiler */
    bool bare, defaults;              /* defaults: options that a shape does not name stay at their defaults */
    int count;                        /* launches, replays; 0: the proof's own number */
    const char *shape[PROVE_MAX_SHAPES]; int nshapes;
    GpuKernel diff;
    uint64_t flag, scratch;           /* device memory: one word that counts differences; 4 KiB to copy about */
    uint64_t trials, failed, bindings;
    double worst;
    char note[160];                   /* a proof's figure of one kernel, for its line */
    double figure[2];
} Proof;

/* One bound trial; false when it failed, with t->what told. */
typedef bool (*ProveOne)(Proof *p, Trial *t);
typedef struct ProveMode { const char *name; ProveOne one; bool host; const char *doc; } ProveMode;

lgr_context *prove_context(Proof *p);                  /* a new one with the same packs */
/* Counts in p->flag the words of a that differ from b's, whose words repeat after `period` bytes; in stream order, may be captured. */
void prove_diff(Proof *p, uint64_t a, uint64_t b, size_t bytes, size_t period);
uint32_t prove_differences(Proof *p);                  /* waits; and sets it to 0 */

bool prove_right(Proof *p, Trial *t);
bool prove_repeat(Proof *p, Trial *t);
bool prove_graph(Proof *p, Trial *t);
bool prove_launch(Proof *p, Trial *t);
bool prove_first(Proof *p, Trial *t);
bool prove_huge(Proof *p, Trial *t);
bool prove_refuse(Proof *p, Trial *t);
#endif
