/* output.h: what a build writes: named pieces, kept until all of them are there, then put into one file, a folder or standard output.
 *
 * Each file is written beside its place and renamed; one that would not change is left alone.
 */
#ifndef LGR_OUTPUT_H
#define LGR_OUTPUT_H
#include "diag.h"

typedef struct Output { const char *leaf; Buf data; const char *path; } Output;    /* leaf: the name in a folder; path: where it went */
typedef struct Outputs { Arena *a; Output *o; uint32_t n, cap; } Outputs;

/* The data of a new piece; valid until the next one is added. */
Buf *outputs_add(Outputs *s, const char *leaf);
/* where: a folder (created) or, of one piece, a file or "-". False with an error reported. */
bool outputs_write(Outputs *s, const char *where, bool folder, Diag *d);
/* A make rule: every path depends on every input. */
bool outputs_rule(const Outputs *s, const char *const *inputs, uint32_t n, const char *path, Diag *d);
void outputs_free(Outputs *s);

bool output_is_folder(const char *path);               /* ends with a slash, or is one */
bool output_file(const char *path, const Buf *b, Diag *d);      /* one file or "-"; false with an error reported */

#endif
