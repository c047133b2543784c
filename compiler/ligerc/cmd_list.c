/* cmd_list.c: the commands that list: targets, ops of specs, explanations of diagnostics. */
#include "options.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_targets(const Options *o)
{
    (void)o;
    for (int i = 0; i < TARGET_COUNT; i++)
        printf("%-8s  %s\n", target_get((TargetId)i)->name, target_get((TargetId)i)->doc);
    return EXIT_DONE;
}

static void print_op(const SemaOp *op)
{
    printf("%s: %s\n", op->name, op->doc ? op->doc : "");
    for (uint32_t k = 0; k < op->nkernels; k++) {
        printf("  %s(", op->kernels[k].name);
        for (uint32_t t = 0; t < op->kernels[k].ntensors; t++)
            printf("%s%s%s", t ? ", " : "", op->kernels[k].tensors[t].mode == TIR_IN ? "" : "out ", op->kernels[k].tensors[t].name);
        printf(")\n");
    }
    for (uint32_t i = 0; i < op->ntypes; i++) {
        printf("  type %s:", op->types[i].name);
        for (uint32_t c = 0; c < op->types[i].n; c++)
            printf(" %s%s", dt_name(op->types[i].choice[c]), c == op->types[i].defval ? " (default)" : "");
        printf("\n");
    }
    for (uint32_t i = 0; i < op->noptions; i++) {
        printf("  option %s:", op->options[i].name);
        for (uint32_t c = 0; c < op->options[i].n; c++)
            printf(" %s%s", op->options[i].choice[c], c == op->options[i].defval ? " (default)" : "");
        printf("\n");
    }
}

int cmd_ops(const Options *o)
{
    int status = EXIT_DONE;
    for (uint32_t i = 0; i < o->nfiles; i++) {
        Source s;
        if (source_open(&s, o->files[i]))
            print_op(s.op);
        else
            status = s.read_failed ? EXIT_FILE : EXIT_INPUT;
        show_diagnostics(o, &s.diag);
        source_close(&s);
    }
    return status;
}

int cmd_explain(const Options *o)
{
    static const struct { int number; const char *doc; } codes[] = {
#define X(num, id, doc) {num, doc},
#include "diag.def"
#undef X
    };
    for (uint32_t i = 0; i < o->nfiles; i++) {
        const char *text = !strncmp(o->files[i], "LG", 2) ? o->files[i] + 2 : o->files[i];
        bool found = false;
        for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
            if (codes[c].number == atoi(text)) {
                printf("LG%04d: %s\n", codes[c].number, codes[c].doc);
                found = true;
            }
        if (!found) {
            fprintf(stderr, "ligerc: no diagnostic %s\n", o->files[i]);
            return EXIT_USAGE;
        }
    }
    return EXIT_DONE;
}
