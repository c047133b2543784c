/* cases.h: what bench and tune make of --shapes: cases as measure.h has them, and the row lengths that these come to. */
#ifndef LGR_CASES_H
#define LGR_CASES_H
#include "options.h"

enum { CASES_MAX = 256, CASE_ROOM = 256 };

typedef struct Cases { const char *text[CASES_MAX]; uint32_t n; } Cases;

/* Bindings of the command line and, for what it leaves open, options at their defaults and types at `type` (a spec's first, where it has no
 * such choice): one binding for each kernel. `fix` has OPTIONS_MAX_FIX places. */
void cases_narrow(const Source *s, PipeRequest *r, const char **fix, DType type);

/* Every shape of the command line for the kernel and binding of u, behind those in out. False with an error in d. */
bool cases_of(const Options *o, const SemaOp *op, const PipeUnit *u, Arena *a, Cases *out, Diag *d);
/* The same for each instance of a pack. */
bool cases_of_pack(const Options *o, const void *pack, Arena *a, Cases *out, Diag *d);
/* The row length of a case, and of which par nest of the unit: the one of the most elements, which is measured. Twice the same is once. The unit is
 * lowered. */
typedef struct CaseLengths { int32_t length[64]; uint32_t nest[64], n; } CaseLengths;
void cases_lengths(const PipeUnit *u, const char *text, CaseLengths *out);

#endif
