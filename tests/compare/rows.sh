# Source this file. Prints the path of the exported rows in the data folder `$1`. The file names of the local S3 server are not the
# keys, so the rows are found by their content.
exported_rows() {
    for file in "$1"/s3/buckets/churn-store/data/*; do
        if grep -q user_group "$file" && [ "$(head -c 4 "$file")" = PAR1 ]; then echo "$file" && return; fi
    done
    echo "no exported rows in $1" >&2
    return 1
}
