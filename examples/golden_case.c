/* A golden case read in C, and a layer's gradients written for `ffref oracle check`.
 *
 *     cc -O2 -o golden_case examples/golden_case.c -lm
 *     ./golden_case ffref/oracle/golden/ff/paper/ordinary 3.0 mine/ff/paper/ordinary
 *     ffref oracle check mine --case ff/paper/ordinary
 *
 * Arguments: the case's folder, its threshold (spec.threshold in case.json), a folder that exists.
 * The rule is docs/oracle.md, section 1, family ff: rms, sum of squares, gated relu, mean over rows.
 * arrays.f64 is little-endian; on a big-endian machine the bytes of each number must be turned. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char name[64]; long offset, rows, columns; } Array;
static Array arrays[99];
static int count;
static double *numbers;

static FILE *open_in(const char *folder, const char *file, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, mode);
    if (!f) { perror(path); exit(2); }
    return f;
}

static void read_case(const char *folder) { /* a line of arrays.txt: name offset shape... */
    char line[256];
    FILE *f = open_in(folder, "arrays.txt", "r");
    while (count < 99 && fgets(line, sizeof line, f)) {
        Array *a = &arrays[count++];
        a->rows = a->columns = 1; /* of a number; of a vector, columns */
        sscanf(line, "%63s %ld %ld %ld", a->name, &a->offset, &a->rows, &a->columns);
    }
    fclose(f);
    f = open_in(folder, "arrays.f64", "rb");
    fseek(f, 0, SEEK_END);
    long bytes = ftell(f);
    rewind(f);
    numbers = malloc(bytes);
    if (fread(numbers, 1, bytes, f) != (size_t)bytes) exit(2);
    fclose(f);
}

static const Array *find(const char *name) {
    for (int i = 0; i < count; i++)
        if (!strcmp(arrays[i].name, name)) return &arrays[i];
    fprintf(stderr, "the case has no %s\n", name);
    exit(2);
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: golden_case CASE THRESHOLD OUT\n"); return 2; }
    read_case(argv[1]);
    long batch = find("x")->rows, in = find("x")->columns, out = find("bias")->rows;
    const double *x = numbers + find("x")->offset, *weight = numbers + find("weight")->offset;
    const double *bias = numbers + find("bias")->offset, *s = numbers + find("polarity")->offset;
    double loss = 0, *d_weight = calloc(in * out, 8), *d_bias = calloc(out, 8);
    double *xn = malloc(in * 8), *y = malloc(out * 8);
    for (long n = 0; n < batch; n++) {
        double square = 0, goodness = 0;
        for (long i = 0; i < in; i++) square += x[n * in + i] * x[n * in + i];
        for (long i = 0; i < in; i++) xn[i] = square > 0 ? x[n * in + i] / sqrt(square / in) : 0;
        for (long j = 0; j < out; j++) {
            y[j] = bias[j];
            for (long i = 0; i < in; i++) y[j] += xn[i] * weight[i * out + j];
            y[j] = y[j] > 0 ? y[j] : 0;
            goodness += y[j] * y[j];
        }
        double margin = s[n] * (goodness - atof(argv[2])), e = exp(-fabs(margin));
        loss += ((margin < 0 ? -margin : 0) + log1p(e)) / batch; /* softplus, no overflow */
        double d_goodness = -s[n] * (margin > 0 ? e : 1) / (1 + e) / batch;
        for (long j = 0; j < out; j++) {
            d_bias[j] += d_goodness * 2 * y[j];
            for (long i = 0; i < in; i++) d_weight[i * out + j] += d_goodness * 2 * y[j] * xn[i];
        }
    }
    FILE *f = open_in(argv[3], "arrays.f64", "wb");
    fwrite(&loss, 8, 1, f);
    fwrite(d_weight, 8, in * out, f);
    fwrite(d_bias, 8, out, f);
    fclose(f);
    f = open_in(argv[3], "arrays.txt", "w");
    fprintf(f, "loss 0\nd_weight 1 %ld %ld\nd_bias %ld %ld\n", in, out, 1 + in * out, out);
    fclose(f);
    printf("loss %.17g, of the case %.17g\n", loss, numbers[find("loss")->offset]);
    return 0;
}
