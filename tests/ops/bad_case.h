/* bad_case.h: one kernel of a spec under one binding, packed for host, sim and sm_90a and opened for each: through the processor, through a
 * backend that only counts, and through a driver that only remembers.  A good call of it on memory of its own, to be spoilt in one place.
 */
#ifndef BAD_CASE_H
#define BAD_CASE_H
#include "liger.h"
#include "pipeline.h"
#include "source.h"

enum { BAD_TENSORS = 32, BAD_RANK = 8, BAD_ROOM = 1 << 16, BAD_WHERES = 3 };

typedef struct BadOp {
    Source   src;
    PipeResult res;
    Buf      pack;
    lgr_context *ctx[BAD_WHERES];      /* host, sim, CUDA */
    int      launched;                 /* by the backend */
    char    *memory;                   /* BAD_TENSORS rooms and one for the workspace */
    char    *before;
} BadOp;

/* overrides: "reduction=none" and the like, ending with NULL, of what is not at its default. */
bool bad_open(BadOp *b, const char *spec, const char *const *overrides);
void bad_close(BadOp *b);

typedef struct BadCall {
    const BadOp *of;
    const SemaOp *op;
    const SemaKernel *k;
    const TirFn *fn;
    int where;                         /* which context */
    int64_t dims[TIR_MAX_DIMS];
    uint32_t n;                        /* tensors of the caller */
    DLTensor t[BAD_TENSORS];
    int64_t shape[BAD_TENSORS][BAD_RANK], stride[BAD_TENSORS][BAD_RANK];
    const DLTensor *list[BAD_TENSORS];
    lgr_scalar scalars[SEMA_MAX_PARAMS];
    int32_t options[SEMA_MAX_OPTIONS];
    uint32_t option[SEMA_MAX_OPTIONS]; /* op's number of the kernel's nth option */
    size_t need;                       /* of workspace */
    lgr_call call;
    lgr_status want;                   /* set by whatever spoils it */
    const char *argument;
} BadCall;

/* A good call of unit u with sizes drawn from *rng, dense or (padded) with rows apart; false when there is no room for it. */
bool bad_call(BadOp *b, const PipeUnit *u, int where, bool padded, uint64_t *rng, BadCall *c);
/* The same call with more leading dimensions, which fold into the first: 1 before it, or two for it. */
void bad_fold(BadCall *c, uint64_t *rng);
/* Things done on the device so far: launches and fills. */
int  bad_done(const BadOp *b, int where);
uint32_t bad_draw(uint64_t *rng, uint32_t below);
int64_t  bad_elements(const BadCall *c, uint32_t i);

/* bad_turns.c: spoils the call in one place and says what is to come of it; false when that is not to be had in this call. */
typedef bool (*BadTurn)(BadCall *c, uint64_t *rng);
extern const struct BadTurnRow { const char *name; BadTurn turn; } bad_turns[];
extern const uint32_t bad_nturns;

#endif
