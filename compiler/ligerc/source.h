/* source.h: a spec file read, parsed and opened. Owns the text, the arena and the diagnostics. */
#ifndef LGR_SOURCE_H
#define LGR_SOURCE_H
#include "sema.h"

typedef struct Source {
    Arena  *arena;
    Diag    diag;
    char   *text;
    SemaOp *op;      /* NULL after errors */
    bool    read_failed;
} Source;

/* path "-" is standard input. False when it could not be read or had errors; the diagnostics say which. */
bool source_open(Source *s, const char *path);
void source_close(Source *s);

#endif
