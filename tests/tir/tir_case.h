/* tir_case.h: specs as tile IR and its text, for the tests of this folder. */
#ifndef LGR_TEST_TIR_CASE_H
#define LGR_TEST_TIR_CASE_H
#include "sema.h"

typedef struct TirCase { Arena *a; Diag d; SemaOp *op; } TirCase;

/* Opens a spec; fails the test when it has errors. Everything lives until tir_case_close(). */
TirCase tir_case_open(const char *path);
TirCase tir_case_text(const char *text);
void    tir_case_close(TirCase *c);

/* The paths of the .tile files of a folder of the tree, in the arena; count in *n. */
char  **tir_case_files(const char *folder, Arena *a, uint32_t *n);

/* The text in the arena, and a function read from it (NULL with items in d). */
const char *tir_case_print(const TirFn *fn, Arena *a);
TirFn      *tir_case_parse(const char *text, size_t n, Arena *a, Diag *d);

/* NULL, or what differs between two functions, names and spans aside. */
const char *tir_case_differs(const TirFn *x, const TirFn *y);

#endif
