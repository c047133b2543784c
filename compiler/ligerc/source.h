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
bool source_open_text(Source *s, const char *name, const char *text, size_t n);    /* text is copied */
void source_close(Source *s);

#endif
