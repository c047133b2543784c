/* ll_case.h: small lowered functions built by hand, and what the tests of this folder do with them. */
#ifndef LGR_LL_CASE_H
#define LGR_LL_CASE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "ll.h"

enum { CASE_FNS = 64 };
typedef struct Case {
    Arena *a; Diag d; LlSession *s; LlOptions o;
    LirFn *fn;                           /* the function being built: fns[nfns - 1] */
    LirFn *fns[CASE_FNS]; uint32_t nfns;
} Case;

Case *case_new(const char *symbol);
void  case_next(Case *c, const char *symbol);     /* one more function in the same module */
void  case_free(Case *c);
LirVal case_leaf(Case *c, LirOpcode op);
LirVal case_op(Case *c, LirOpcode op, DType dt, int lanes, LirVal x, LirVal y, int64_t imm);
LirVal case_ptr(Case *c, int tensor);
LirVal case_at(Case *c, LirVal base, LirVal index, int bytes);      /* base + index * bytes */
LirVal case_mem(Case *c, LirOpcode op, DType dt, int lanes, LirVal addr, LirVal b, LirVal x, LirVal y, int64_t align, int flags);
void  case_print_errors(Case *c);

/* PTX of the functions for the target; fails the test on errors. */
void  case_ptx(Case *c, TargetId t, Buf *ptx);
/* ptxas for all six GPU targets; spills must be 0. Returns kernels assembled (0 when ptxas is absent). */
int   case_assemble(Case *c);
int   case_count(const char *text, const char *what);
/* Lines that must occur in this order; NULL-terminated. */
void  case_ordered(const char *text, ...);

/* Host code, mapped for running. */
typedef void (*CaseFn)(const uint64_t *words, uint32_t begin, uint32_t end, uint32_t nctas);
typedef struct CaseCode { void *map; size_t size; CaseFn run, entry[CASE_FNS]; } CaseCode;   /* run is entry[0] */
CaseCode case_host(Case *c);
void  case_unmap(CaseCode *code);

#endif
