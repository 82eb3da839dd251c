/* A golden case read in C: a layer's gradients compared with it, and written for ffref.
 *
 *     cc -O2 -o golden_case examples/golden_case.c -lm
 *     mkdir -p mine/ff/paper/ordinary
 *     ./golden_case ffref/oracle/golden/ff/paper/ordinary mine/ff/paper/ordinary
 *     ffref oracle check mine --case ff/paper/ordinary
 *
 * Arguments: the case's folder, a folder that exists, and, to see it fail, a mistaken threshold.
 * The rule is docs/oracle.md, section 1, family ff: rms, sum of squares, gated relu, mean of rows.
 * arrays.f64 is little-endian; on a big-endian machine the bytes of each number must be turned. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char name[64]; long offset, rows, columns; } Array;
static Array arrays[99];
static int count;
static double *numbers;
static char about[65536]; /* case.json */
static int wrong;

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
    f = open_in(folder, "case.json", "r");
    about[fread(about, 1, sizeof about - 1, f)] = 0;
    fclose(f);
}

static const Array *find(const char *name) {
    for (int i = 0; i < count; i++)
        if (!strcmp(arrays[i].name, name)) return &arrays[i];
    fprintf(stderr, "the case has no %s\n", name);
    exit(2);
}

/* The number of a word of case.json, the first after `place`. */
static double number_of(const char *place, const char *word) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\": ", word);
    const char *found = place ? strstr(place, key) : NULL;
    if (!found) { fprintf(stderr, "case.json has no %s there\n", word); exit(2); }
    return atof(found + strlen(key));
}

/* |yours - reference| <= tolerance max|reference| + eps scale; this rule has no kinks. */
static void compare(const char *name, const double *yours) {
    char key[80];
    const Array *a = find(name);
    const double *reference = numbers + a->offset;
    snprintf(key, sizeof key, "\"%s\": {\"kind\"", name);
    const char *quantity = strstr(about, key);
    double largest = 0, worst = 0;
    for (long i = 0; i < a->rows * a->columns; i++) {
        double apart = fabs(yours[i] - reference[i]), size = fabs(reference[i]);
        if (size > largest) largest = size;
        if (apart > worst || isnan(apart)) worst = apart; /* which then stays NaN */
    }
    double least = ldexp(number_of(quantity, "scale"), -52);
    double allowed = number_of(quantity, "float64") * largest + least;
    int agrees = worst <= allowed;
    printf("%s %s: apart %.3g, allowed %.3g\n", agrees ? "ok  " : "FAIL", name, worst, allowed);
    wrong |= !agrees;
}

int main(int argc, char **argv) {
    if (argc < 3) { fprintf(stderr, "usage: golden_case CASE OUT [THRESHOLD]\n"); return 2; }
    read_case(argv[1]);
    double threshold = argc > 3 ? atof(argv[3]) : number_of(about, "threshold");
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
        double margin = s[n] * (goodness - threshold), e = exp(-fabs(margin));
        loss += ((margin < 0 ? -margin : 0) + log1p(e)) / batch; /* softplus, no overflow */
        double d_goodness = -s[n] * (margin > 0 ? e : 1) / (1 + e) / batch;
        for (long j = 0; j < out; j++) {
            d_bias[j] += d_goodness * 2 * y[j];
            for (long i = 0; i < in; i++) d_weight[i * out + j] += d_goodness * 2 * y[j] * xn[i];
        }
    }
    compare("loss", &loss);
    compare("d_weight", d_weight);
    compare("d_bias", d_bias);
    FILE *f = open_in(argv[2], "arrays.f64", "wb");
    fwrite(&loss, 8, 1, f);
    fwrite(d_weight, 8, in * out, f);
    fwrite(d_bias, 8, out, f);
    fclose(f);
    f = open_in(argv[2], "arrays.txt", "w");
    fprintf(f, "loss 0\nd_weight 1 %ld %ld\nd_bias %ld %ld\n", in, out, 1 + in * out, out);
    fclose(f);
    return wrong;
}
