package flightsql

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	arrowsql "github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
)

// keywords are the words that DuckDB reserves.
const keywords = `ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN CONSTRAINT
CREATE DEFAULT DEFERRABLE DESC DESCRIBE DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM GROUP HAVING IN
INITIALLY INTERSECT INTO LAMBDA LATERAL LEADING LIMIT NOT NULL OFFSET ON ONLY OR ORDER PIVOT PIVOT_LONGER PIVOT_WIDER
PLACING PRIMARY QUALIFY REFERENCES RETURNING SELECT SHOW SOME SUMMARIZE SYMMETRIC TABLE THEN TO TRAILING TRUE UNION
UNIQUE UNPIVOT USING VARIADIC WHEN WHERE WINDOW WITH`

// Functions, by the kinds that clients ask for.
const (
	numericFunctions  = `abs acos asin atan atan2 cbrt ceil cos cot degrees exp floor greatest least ln log log10 log2 mod pi power radians random round sign sin sqrt tan trunc`
	stringFunctions   = `ascii chr concat concat_ws contains ends_with format left length lower lpad ltrim md5 position regexp_extract regexp_matches regexp_replace repeat replace reverse right rpad rtrim sha256 split_part starts_with string_agg strpos substr trim upper`
	systemFunctions   = `coalesce if ifnull nullif typeof`
	datetimeFunctions = `age date_diff date_part date_trunc dayname day epoch epoch_ms extract hour last_day make_date make_timestamp minute month monthname quarter second strftime strptime time_bucket to_timestamp week year`
)

// bits is a bit mask of ordinals.
func bits[T ~int32](ordinals ...T) int32 {
	var mask int32
	for _, o := range ordinals {
		mask |= 1 << o
	}
	return mask
}

// sqlInfo is what there is to know of the server. Values have the types that
// JDBC's driver expects: ordinals and masks 32 bits, numbers 64.
func sqlInfo(version string) map[arrowsql.SqlInfo]any {
	info := map[arrowsql.SqlInfo]any{
		arrowsql.SqlInfoFlightSqlServerName:                        "kmstrail",
		arrowsql.SqlInfoFlightSqlServerVersion:                     version,
		arrowsql.SqlInfoFlightSqlServerArrowVersion:                arrow.PkgVersion,
		arrowsql.SqlInfoFlightSqlServerReadOnly:                    true,
		arrowsql.SqlInfoFlightSqlServerSql:                         true,
		arrowsql.SqlInfoFlightSqlServerSubstrait:                   false,
		arrowsql.SqlInfoFlightSqlServerTransaction:                 int32(arrowsql.SqlTransactionNone),
		arrowsql.SqlInfoFlightSqlServerCancel:                      true,
		arrowsql.SqlInfoFlightSqlServerStatementTimeout:            int32(preparedFor.Milliseconds()),
		arrowsql.SqlInfoFlightSqlServerTransactionTimeout:          int32(0),
		arrowsql.SqlInfoFlightSqlServerBulkIngestion:               false,
		arrowsql.SqlInfoFlightSqlServerIngestTransactionsSupported: false,
	}
	maps.Copy(info, sqlSyntax())
	maps.Copy(info, sqlSupport())
	maps.Copy(info, sqlLimits())
	return info
}

func sqlSyntax() map[arrowsql.SqlInfo]any {
	return map[arrowsql.SqlInfo]any{
		arrowsql.SqlInfoDDLCatalog:              false,
		arrowsql.SqlInfoDDLSchema:               false,
		arrowsql.SqlInfoDDLTable:                false,
		arrowsql.SqlInfoIdentifierCase:          int32(arrowsql.SqlCaseSensitivityCaseInsensitive),
		arrowsql.SqlInfoIdentifierQuoteChar:     `"`,
		arrowsql.SqlInfoQuotedIdentifierCase:    int32(arrowsql.SqlCaseSensitivityCaseInsensitive),
		arrowsql.SqlInfoAllTablesAreASelectable: true,
		arrowsql.SqlInfoNullOrdering:            int32(arrowsql.SqlNullOrderingSortAtEnd),
		arrowsql.SqlInfoKeywords:                strings.Fields(keywords),
		arrowsql.SqlInfoNumericFunctions:        strings.Fields(numericFunctions),
		arrowsql.SqlInfoStringFunctions:         strings.Fields(stringFunctions),
		arrowsql.SqlInfoSystemFunctions:         strings.Fields(systemFunctions),
		arrowsql.SqlInfoDateTimeFunctions:       strings.Fields(datetimeFunctions),
		arrowsql.SqlInfoSearchStringEscape:      `\`,
		arrowsql.SqlInfoExtraNameChars:          "$",
		arrowsql.SqlInfoSchemaTerm:              "schema",
		arrowsql.SqlInfoProcedureTerm:           "procedure",
		arrowsql.SqlInfoCatalogTerm:             "catalog",
		arrowsql.SqlInfoCatalogAtStart:          true,
		// The catalog's name is not part of SQL.
		arrowsql.SqlInfoSchemasSupportedActions:     int32(0),
		arrowsql.SqlInfoCatalogsSupportedActions:    int32(0),
		arrowsql.SqlInfoSupportedPositionedCommands: int32(0),
	}
}

func sqlSupport() map[arrowsql.SqlInfo]any {
	readOnly := bits(pb.SqlSupportedResultSetConcurrency_SQL_RESULT_SET_CONCURRENCY_READ_ONLY)
	return map[arrowsql.SqlInfo]any{
		arrowsql.SqlInfoSupportsColumnAliasing:                 true,
		arrowsql.SqlInfoNullPlusNullIsNull:                     true,
		arrowsql.SqlInfoSupportsConvert:                        conversions(),
		arrowsql.SqlInfoSupportsTableCorrelationNames:          true,
		arrowsql.SqlInfoSupportsDifferentTableCorrelationNames: false,
		arrowsql.SqlInfoSupportsExpressionsInOrderBy:           true,
		arrowsql.SqlInfoSupportsOrderByUnrelated:               true,
		arrowsql.SqlInfoSupportedGroupBy: bits(
			pb.SqlSupportedGroupBy_SQL_GROUP_BY_UNRELATED, pb.SqlSupportedGroupBy_SQL_GROUP_BY_BEYOND_SELECT),
		arrowsql.SqlInfoSupportsLikeEscapeClause:   true,
		arrowsql.SqlInfoSupportsNonNullableColumns: true,
		arrowsql.SqlInfoSupportedGrammar: bits(
			pb.SupportedSqlGrammar_SQL_MINIMUM_GRAMMAR, pb.SupportedSqlGrammar_SQL_CORE_GRAMMAR),
		arrowsql.SqlInfoANSI92SupportedLevel:                 bits(pb.SupportedAnsi92SqlGrammarLevel_ANSI92_ENTRY_SQL),
		arrowsql.SqlInfoSupportsIntegrityEnhancementFacility: false,
		arrowsql.SqlInfoOuterJoinsSupportLevel: bits(
			pb.SqlOuterJoinsSupportLevel_SQL_LIMITED_OUTER_JOINS, pb.SqlOuterJoinsSupportLevel_SQL_FULL_OUTER_JOINS),
		arrowsql.SqlInfoSelectForUpdateSupported:  false,
		arrowsql.SqlInfoStoredProceduresSupported: false,
		arrowsql.SqlInfoSupportedSubqueries: bits(
			pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_COMPARISONS, pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_EXISTS,
			pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_INS, pb.SqlSupportedSubqueries_SQL_SUBQUERIES_IN_QUANTIFIEDS),
		arrowsql.SqlInfoCorrelatedSubqueriesSupported:                       true,
		arrowsql.SqlInfoSupportedUnions:                                     bits(pb.SqlSupportedUnions_SQL_UNION, pb.SqlSupportedUnions_SQL_UNION_ALL),
		arrowsql.SqlInfoDefaultTransactionIsolation:                         int64(pb.SqlTransactionIsolationLevel_SQL_TRANSACTION_NONE),
		arrowsql.SqlInfoTransactionsSupported:                               false,
		arrowsql.SqlInfoSupportedTransactionsIsolationlevels:                bits(pb.SqlTransactionIsolationLevel_SQL_TRANSACTION_NONE),
		arrowsql.SqlInfoDataDefinitionCausesTransactionCommit:               false,
		arrowsql.SqlInfoDataDefinitionsInTransactionsIgnored:                false,
		arrowsql.SqlInfoSupportedResultSetTypes:                             bits(pb.SqlSupportedResultSetType_SQL_RESULT_SET_TYPE_FORWARD_ONLY),
		arrowsql.SqlInfoSupportedConcurrenciesForResultSetUnspecified:       int32(0),
		arrowsql.SqlInfoSupportedConcurrenciesForResultSetForwardOnly:       readOnly,
		arrowsql.SqlInfoSupportedConcurrenciesForResultSetScrollSensitive:   int32(0),
		arrowsql.SqlInfoSupportedConcurrenciesForResultSetScrollInsensitive: int32(0),
		arrowsql.SqlInfoBatchUpdatesSupported:                               false,
		arrowsql.SqlInfoSavePointsSupported:                                 false,
		arrowsql.SqlInfoNamedParametersSupported:                            false,
		arrowsql.SqlInfoLocatorsUpdateCopy:                                  false,
		arrowsql.SqlInfoStoredFunctionsUsingCallSyntaxSupported:             false,
	}
}

// sqlLimits are 0 where there is no limit that a client could count.
func sqlLimits() map[arrowsql.SqlInfo]any {
	out := map[arrowsql.SqlInfo]any{
		arrowsql.SqlInfoMaxRowSize:              int64(maxMessage),
		arrowsql.SqlInfoMaxRowSizeIncludesBlobs: true,
		arrowsql.SqlInfoMaxStatementLen:         int64(256 << 10),
		arrowsql.SqlInfoMaxConnections:          int64(maxConnections),
	}
	for _, unlimited := range []arrowsql.SqlInfo{
		arrowsql.SqlInfoMaxBinaryLiteralLen, arrowsql.SqlInfoMaxCharLiteralLen, arrowsql.SqlInfoMaxColumnNameLen,
		arrowsql.SqlInfoMaxColumnsInGroupBy, arrowsql.SqlInfoMaxColumnsInIndex, arrowsql.SqlInfoMaxColumnsInOrderBy,
		arrowsql.SqlInfoMaxColumnsInSelect, arrowsql.SqlInfoMaxColumnsInTable, arrowsql.SqlInfoMaxCursorNameLen,
		arrowsql.SqlInfoMaxIndexLen, arrowsql.SqlInfoDBSchemaNameLen, arrowsql.SqlInfoMaxProcedureNameLen,
		arrowsql.SqlInfoMaxCatalogNameLen, arrowsql.SqlInfoMaxStatements, arrowsql.SqlInfoMaxTableNameLen,
		arrowsql.SqlInfoMaxTablesInSelect, arrowsql.SqlInfoMaxUsernameLen,
	} {
		out[unlimited] = int64(0)
	}
	return out
}

// conversions says what can be cast to what.
func conversions() map[int32][]int32 {
	numbers := []int32{
		int32(arrowsql.SqlConvertBigInt), int32(arrowsql.SqlConvertDecimal), int32(arrowsql.SqlConvertFloat),
		int32(arrowsql.SqlConvertInteger), int32(arrowsql.SqlConvertNumeric), int32(arrowsql.SqlConvertReal),
		int32(arrowsql.SqlConvertSmallInt), int32(arrowsql.SqlConvertTinyInt),
	}
	varchar, date, timestamp := int32(arrowsql.SqlConvertVarchar), int32(arrowsql.SqlConvertDate), int32(arrowsql.SqlConvertTimestamp)
	out := map[int32][]int32{
		varchar:                             append([]int32{varchar, date, timestamp, int32(arrowsql.SqlConvertVarbinary)}, numbers...),
		date:                                {varchar, date, timestamp},
		timestamp:                           {varchar, date, timestamp, int32(arrowsql.SqlConvertTime)},
		int32(arrowsql.SqlConvertVarbinary): {varchar, int32(arrowsql.SqlConvertVarbinary)},
	}
	for _, n := range numbers {
		out[n] = append([]int32{varchar}, numbers...)
	}
	return out
}

// registerInfo says what there is to know.
func (h *handler) registerInfo(version string) error {
	for k, v := range sqlInfo(version) {
		if err := h.RegisterSqlInfo(k, v); err != nil {
			return err
		}
		h.infos = append(h.infos, uint32(k))
	}
	slices.Sort(h.infos)
	return nil
}

// wanted is a request for some of the information.
type wanted []uint32

func (w wanted) GetInfo() []uint32 { return w }

//nolint:revive,staticcheck // the name is that of the interface
func (h *handler) GetFlightInfoSqlInfo(_ context.Context, _ arrowsql.GetSqlInfo, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return metadataInfo(desc, schema_ref.SqlInfo), nil
}

// DoGetSqlInfo answers what of a request is known: a newer client asks for more.
//
//nolint:revive,staticcheck // the name is that of the interface
func (h *handler) DoGetSqlInfo(ctx context.Context, cmd arrowsql.GetSqlInfo) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	known := h.infos
	if asked := cmd.GetInfo(); len(asked) > 0 {
		known = slices.DeleteFunc(slices.Clone(asked), func(k uint32) bool { return !slices.Contains(h.infos, k) })
	}
	if len(known) == 0 {
		return answer(schema_ref.SqlInfo, func(*array.RecordBuilder) {})
	}
	return h.BaseServer.DoGetSqlInfo(ctx, wanted(known))
}
