/* diag.h: collected diagnostics with places.
 *
 * Rooms report and go on (or return false); nothing here exits or prints by itself.  Rendering is diag_render_*().
 * Codes are stable: LG0001.. and listed in diag.def with one sentence and one explanation each (`ligerc explain LG0123`).
 */
#ifndef LGR_DSL_DIAG_H
#define LGR_DSL_DIAG_H
#include "base.h"

/* Byte range in a source file; file 0 = no place. */
typedef struct Span { uint32_t file, lo, hi; } Span;

typedef enum DiagClass { DIAG_ERROR, DIAG_WARNING, DIAG_PERF, DIAG_LIMIT, DIAG_NOTE, DIAG_BUG } DiagClass;

typedef enum DiagCode {
    LG_NONE = 0,
#define X(num, id, doc) id = num,
#include "diag.def"
#undef X
} DiagCode;

typedef struct DiagNote { Span sp; const char *msg; struct DiagNote *next; } DiagNote;
typedef struct DiagItem { DiagClass cls; DiagCode code; Span sp; const char *msg; DiagNote *notes; } DiagItem;

typedef struct DiagFile { const char *name; const char *text; size_t size; } DiagFile;

enum { DIAG_MAX_ITEMS = 500 };

typedef struct Diag {
    Arena    *arena;
    DiagFile *files;  uint32_t nfiles, capfiles;   /* files[0] is the empty place */
    DiagItem *items;  uint32_t n, cap;
    uint32_t  nerrors;                             /* error, limit and bug items */
    bool      dropped;                             /* the last report came after DIAG_MAX_ITEMS others and was only counted */
} Diag;

void     diag_init(Diag *d, Arena *a);
uint32_t diag_add_file(Diag *d, const char *name, const char *text, size_t size);  /* text is kept, not copied */
void     diag_report(Diag *d, DiagClass cls, DiagCode code, Span sp, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void     diag_note(Diag *d, Span sp, const char *fmt, ...) __attribute__((format(printf, 3, 4)));  /* to the last item */
void     diag_take(Diag *d, const Diag *from);             /* its items behind d's; texts stay where they are */
void     diag_line_col(const Diag *d, Span sp, uint32_t *line, uint32_t *col);      /* 1-based */
void     diag_render_text(const Diag *d, Buf *out, bool color);
void     diag_render_json(const Diag *d, Buf *out);          /* one array; also what carries no place */
const char *diag_class_name(DiagClass c);                    /* "error" */
const char *diag_code_doc(int number);                       /* the sentence of LG<number>, NULL when there is none */
/* Nearest of `n` names within edit distance 2 (or a third of the length), NULL when none. */
const char *diag_nearest(const char *name, const char *const *names, size_t n);

#endif
