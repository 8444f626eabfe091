package dashboards

func overview() Dashboard {
	return kmsDashboard(overviewUID, "KMS overview", "", "now-7d", accountAndRegion(), nil, nil)
}
